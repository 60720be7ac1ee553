import type { Expr, MatrixSelector, Shift, Subquery, VectorSelector } from './ast.js';
import { gridOf, type Grid } from './grid.js';
import type { Matcher } from './matcher.js';

/** What one selector of a query needs: all series that match, with their samples from `fromMs` to `toMs`, both included. */
export interface Selection {
  readonly selector: VectorSelector | MatrixSelector;
  readonly matchers: readonly Matcher[];
  readonly fromMs: number;
  readonly toMs: number;
  /** The newest sample at or before each step is looked for: those within the look-back before `fromMs` count as well. */
  readonly looksBack: boolean;
}

/** Start and end of the whole query, which `@ start()` and `@ end()` mean wherever they stand. */
export interface Bounds {
  readonly startMs: number;
  readonly endMs: number;
}

/** What a query needs of storage, by its selectors. `defaultStepMs` is that of subqueries which name none. */
export function selectionsOf(expr: Expr, grid: Grid, bounds: Bounds, defaultStepMs: number): Selection[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return [];
    case 'vector':
    case 'matrix': {
      const { first, last } = lookedAt(expr, grid, bounds);
      const rangeMs = expr.kind === 'matrix' ? expr.rangeMs : 0;
      const looksBack = expr.kind === 'vector';
      return [{ selector: expr, matchers: expr.matchers, fromMs: first - rangeMs, toMs: last, looksBack }];
    }
    case 'subquery':
      return selectionsOf(expr.expr, subqueryGrid(expr, grid, bounds, defaultStepMs), bounds, defaultStepMs);
    case 'paren':
    case 'unary':
      return selectionsOf(expr.expr, grid, bounds, defaultStepMs);
    case 'binary':
      return [expr.left, expr.right].flatMap((side) => selectionsOf(side, grid, bounds, defaultStepMs));
    case 'call':
      return expr.args.flatMap((arg) => selectionsOf(arg, grid, bounds, defaultStepMs));
    case 'aggregation':
      return [expr.expr, ...(expr.param ? [expr.param] : [])].flatMap((part) =>
        selectionsOf(part, grid, bounds, defaultStepMs),
      );
  }
}

/** The first and last time that a selector looks at, offset and `@` in. */
function lookedAt(shift: Shift, grid: Grid, bounds: Bounds): { first: number; last: number } {
  const last = grid.startMs + (grid.count - 1) * grid.stepMs;
  return { first: timeLookedAt(shift, grid.startMs, bounds), last: timeLookedAt(shift, last, bounds) };
}

/** The time that a selector looks at in the step at `ms`. */
export function timeLookedAt({ at, offsetMs }: Shift, ms: number, { startMs, endMs }: Bounds): number {
  const fixed = at === 'start' ? startMs : at === 'end' ? endMs : at;
  return (fixed ?? ms) - offsetMs;
}

/** The times that a subquery evaluates its expression at: multiples of its step, whatever the step of the query. */
export function subqueryGrid(expr: Subquery, grid: Grid, bounds: Bounds, defaultStepMs: number): Grid {
  const { first, last } = lookedAt(expr, grid, bounds);
  const stepMs = expr.stepMs ?? defaultStepMs;
  const start = Math.ceil((first - expr.rangeMs) / stepMs) * stepMs;
  return gridOf(start, Math.max(start, last), stepMs);
}
