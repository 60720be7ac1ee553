import { Accumulator, put } from './accumulator.js';
import { aggregate, byRank } from './aggregate.js';
import {
  unparen,
  type Binary,
  type Call,
  type Expr,
  type MatrixSelector,
  type Subquery,
  type VectorSelector,
} from './ast.js';
import { betweenVectors, compute, withScalar } from './binary.js';
import { Budget, type Limits } from './budget.js';
import type { Grid } from './grid.js';
import { labelJoiner, labelReplacer, labelsOfAbsent } from './label-functions.js';
import { METRIC_NAME, without, type Labels } from './labels.js';
import { RANGE_FUNCTIONS, type RangeFunction } from './range-functions.js';
import type { Samples, StepSeries, Value } from './samples.js';
import { subqueryGrid, timeLookedAt, type Bounds } from './selections.js';
import { SCALAR_FUNCTIONS, VALUE_FUNCTIONS } from './value-functions.js';

/** What a query is evaluated with. */
export interface EvaluateOptions {
  readonly grid: Grid;
  /** Samples of each selector, as `selectionsOf` asked for them. */
  readonly data: ReadonlyMap<VectorSelector | MatrixSelector, readonly Samples[]>;
  /** Step of subqueries that name none, milliseconds. */
  readonly defaultStepMs: number;
  readonly limits: Limits;
}

/**
 * Evaluates a query at every time of the grid, as Prometheus 2.42 does. A range vector as the whole query is not
 * evaluated: it is the samples themselves.
 *
 * @throws PromqlError `execution` where series can't be matched or the result is too large, `timeout`.
 */
export async function evaluate(expr: Expr, options: EvaluateOptions): Promise<Value> {
  const { grid, data, defaultStepMs, limits } = options;
  const bounds = { startMs: grid.startMs, endMs: grid.endMs };
  return new Evaluator(grid, bounds, data, defaultStepMs, new Budget(limits)).value(expr);
}

class Evaluator {
  constructor(
    private readonly grid: Grid,
    private readonly bounds: Bounds,
    private readonly data: EvaluateOptions['data'],
    private readonly defaultStepMs: number,
    private readonly budget: Budget,
  ) {
    budget.hold(grid.count);
  }

  async value(expr: Expr): Promise<Value> {
    switch (expr.kind) {
      case 'number':
        return { kind: 'scalar', values: this.#byStep(() => expr.value) };
      case 'string':
        return { kind: 'string', text: expr.value };
      case 'paren':
        return this.value(expr.expr);
      case 'vector':
        return vector(await this.#selected(expr, (samples, at) => samples.values[at]!));
      case 'unary': {
        const value = await this.value(expr.expr);
        if (expr.op === '+') return value;
        if (value.kind === 'scalar') return { kind: 'scalar', values: value.values.map((number) => -number) };
        return vector(await this.#each(value, (number) => -number));
      }
      case 'binary':
        return this.#binary(expr);
      case 'call':
        return this.#call(expr);
      case 'aggregation': {
        const inner = await this.vectorOf(expr.expr);
        const param = expr.param && (await this.value(expr.param));
        const out = this.#accumulator();
        const given = param?.kind === 'string' ? param.text : param?.kind === 'scalar' ? param.values : undefined;
        await aggregate(expr, inner, given, out, this.budget);
        return vector(out.result());
      }
      case 'matrix':
      case 'subquery':
        throw new Error('a range vector has no value at a step');
    }
  }

  async vectorOf(expr: Expr): Promise<readonly StepSeries[]> {
    const value = await this.value(expr);
    if (value.kind !== 'vector') throw new Error(`a vector was expected, not a ${value.kind}`);
    return value.series;
  }

  async #scalarOf(expr: Expr | undefined): Promise<Float64Array | undefined> {
    const value = expr && (await this.value(expr));
    return value?.kind === 'scalar' ? value.values : undefined;
  }

  /** The newest sample at or before the time that each step looks at, unless it is older than the look-back. */
  async #selected(
    selector: VectorSelector,
    valueOf: (samples: Samples, place: number) => number,
  ): Promise<StepSeries[]> {
    const out = this.#accumulator();
    for (const samples of this.data.get(selector) ?? []) {
      const { ts, labels, lookbackMs } = samples;
      const into = out.series(labels);
      let next = 0;
      for (let i = 0; i < this.grid.count; i++) {
        const time = timeLookedAt(selector, this.#time(i), this.bounds);
        while (next < ts.length && ts[next]! <= time) next++;
        if (next > 0 && ts[next - 1]! >= time - lookbackMs) put(into, i, valueOf(samples, next - 1));
      }
      await this.budget.spend(this.grid.count + ts.length);
    }
    return out.result();
  }

  async #binary(expr: Binary): Promise<Value> {
    const [left, right] = [await this.value(expr.left), await this.value(expr.right)];
    if (left.kind === 'scalar' && right.kind === 'scalar') {
      return { kind: 'scalar', values: left.values.map((value, i) => compute(expr.op, value, right.values[i]!)) };
    }
    const out = this.#accumulator();
    if (left.kind === 'vector' && right.kind === 'vector') {
      await betweenVectors(expr, left.series, right.series, out, this.budget);
    } else if (left.kind === 'vector' && right.kind === 'scalar') {
      await withScalar(expr, left.series, right.values, false, out, this.budget);
    } else if (left.kind === 'scalar' && right.kind === 'vector') {
      await withScalar(expr, right.series, left.values, true, out, this.budget);
    }
    return vector(out.result());
  }

  async #call(expr: Call): Promise<Value> {
    const { name, args } = expr;
    const range = RANGE_FUNCTIONS.get(name);
    if (range) return vector(await this.#overRange(expr, range));
    const ofValue = VALUE_FUNCTIONS.get(name);
    if (ofValue) return vector(await this.#each(args[0] ? await this.value(args[0]) : this.#now(), ofValue));
    const ofScalars = SCALAR_FUNCTIONS.get(name);
    if (ofScalars) return vector(await this.#withScalars(expr, ofScalars));
    switch (name) {
      case 'time':
        return { kind: 'scalar', values: this.#byStep((i) => this.#time(i) / 1000) };
      case 'pi':
        return { kind: 'scalar', values: this.#byStep(() => Math.PI) };
      case 'vector':
        return this.#toVector((await this.#scalarOf(args[0]))!);
      case 'scalar':
        return this.#toScalar(await this.vectorOf(args[0]!));
      case 'timestamp':
        return vector(await this.#timestamps(args[0]!));
      case 'absent':
        return this.#absent(unparen(args[0]!), anyPresent(await this.vectorOf(args[0]!), this.grid.count));
      case 'absent_over_time':
        return this.#absent(unparen(args[0]!), anyPresent(await this.#overRange(expr, () => 1), this.grid.count));
      case 'sort':
      case 'sort_desc':
        return vector(this.#sorted(await this.vectorOf(args[0]!), name === 'sort_desc'));
      case 'label_replace':
      case 'label_join': {
        const texts = args.slice(1).map((arg) => textOf(arg));
        const relabel = name === 'label_replace' ? labelReplacer(texts) : labelJoiner(texts);
        return vector(await this.#each(await this.value(args[0]!), (value) => value, relabel));
      }
      default:
        throw new Error(`the function ${name} has a signature and no code`);
    }
  }

  /** A function of each step's range, of a selector or of a subquery. */
  async #overRange({ name, args }: Call, compute: RangeFunction): Promise<StepSeries[]> {
    const range = args.map((arg) => unparen(arg)).find(isRange)!;
    const params = await this.#scalarOf(args.find((arg) => !isRange(unparen(arg))));
    const all = range.kind === 'matrix' ? (this.data.get(range) ?? []) : await this.#subquery(range);
    const out = this.#accumulator();
    for (const { labels, ts, values } of all) {
      const into = out.series(name === 'last_over_time' ? labels : without(labels, METRIC_NAME));
      let from = 0;
      let to = 0;
      for (let i = 0; i < this.grid.count; i++) {
        const evalMs = this.#time(i);
        const endMs = timeLookedAt(range, evalMs, this.bounds);
        const startMs = endMs - range.rangeMs;
        while (from < ts.length && ts[from]! < startMs) from++;
        while (to < ts.length && ts[to]! <= endMs) to++;
        if (from >= to) continue;
        await this.budget.spend(to - from);
        const value = compute({ ts, values, from, to, startMs, endMs, evalMs, param: params?.[i] ?? Number.NaN });
        if (value !== undefined) put(into, i, value);
      }
      await this.budget.spend(this.grid.count);
    }
    return out.result();
  }

  /** Evaluates the expression of a subquery at its own times; the results are samples like stored ones. */
  async #subquery(expr: Subquery): Promise<Samples[]> {
    const grid = subqueryGrid(expr, this.grid, this.bounds, this.defaultStepMs);
    const inner = new Evaluator(grid, this.bounds, this.data, this.defaultStepMs, this.budget);
    return (await inner.vectorOf(expr.expr)).map(({ labels, values, present }) => {
      const steps = Array.from(present.keys()).filter((i) => present[i] === 1);
      const ts = Float64Array.from(steps, (i) => grid.startMs + i * grid.stepMs);
      return { labels, ts, values: Float64Array.from(steps, (i) => values[i]!), lookbackMs: 0 };
    });
  }

  /** Every value through a function; the name of the metric goes unless `relabel` says what becomes of the labels. */
  async #each(
    value: Value,
    compute: (value: number) => number,
    relabel: (labels: Labels) => Labels = (labels) => without(labels, METRIC_NAME),
  ): Promise<StepSeries[]> {
    if (value.kind !== 'vector') throw new Error(`a vector was expected, not a ${value.kind}`);
    const out = this.#accumulator();
    for (const { labels, values, present } of value.series) {
      const into = out.series(relabel(labels));
      for (let i = 0; i < values.length; i++) if (present[i] === 1) put(into, i, compute(values[i]!));
      await this.budget.spend(values.length);
    }
    return out.result();
  }

  async #withScalars(
    { args }: Call,
    compute: (value: number, a: number | undefined, b: number | undefined) => number | undefined,
  ): Promise<StepSeries[]> {
    const [a, b] = [await this.#scalarOf(args[1]), await this.#scalarOf(args[2])];
    const out = this.#accumulator();
    for (const { labels, values, present } of await this.vectorOf(args[0]!)) {
      const into = out.series(without(labels, METRIC_NAME));
      for (let i = 0; i < values.length; i++) {
        const result = present[i] === 1 ? compute(values[i]!, a?.[i], b?.[i]) : undefined;
        if (result !== undefined) put(into, i, result);
      }
      await this.budget.spend(values.length);
    }
    return out.result();
  }

  /** Seconds of the sample itself for a selector, of the step for anything else. */
  async #timestamps(arg: Expr): Promise<readonly StepSeries[]> {
    const selector = unparen(arg);
    const found =
      selector.kind === 'vector'
        ? await this.#selected(selector, ({ ts }, place) => ts[place]! / 1000)
        : (await this.vectorOf(selector)).map((series) => ({
            ...series,
            values: this.#byStep((i) => this.#time(i) / 1000),
          }));
    return this.#each({ kind: 'vector', series: found }, (value) => value);
  }

  #now(): Value {
    return this.#toVector(this.#byStep((i) => this.#time(i) / 1000));
  }

  #toVector(values: Float64Array): Value {
    return vector([{ labels: new Map(), values, present: new Uint8Array(this.grid.count).fill(1) }]);
  }

  /** The value where there is exactly one, else NaN. */
  #toScalar(series: readonly StepSeries[]): Value {
    const values = this.#byStep((i) => {
      const there = series.filter(({ present }) => present[i] === 1);
      return there.length === 1 ? there[0]!.values[i]! : Number.NaN;
    });
    return { kind: 'scalar', values };
  }

  #absent(expr: Expr, there: Uint8Array): Value {
    const matchers = expr.kind === 'vector' || expr.kind === 'matrix' ? expr.matchers : undefined;
    const present = there.map((one) => 1 - one);
    const values = new Float64Array(this.grid.count).fill(1);
    return vector(present.includes(1) ? [{ labels: labelsOfAbsent(matchers), values, present }] : []);
  }

  /** By value where there is one time only; over time there is no one order. */
  #sorted(series: readonly StepSeries[], descending: boolean): readonly StepSeries[] {
    if (this.grid.count > 1) return series;
    return series.toSorted((a, b) => byRank(a.values[0]!, b.values[0]!, descending));
  }

  #time(step: number): number {
    return this.grid.startMs + step * this.grid.stepMs;
  }

  #byStep(valueAt: (step: number) => number): Float64Array {
    return Float64Array.from({ length: this.grid.count }, (_, i) => valueAt(i));
  }

  #accumulator(): Accumulator {
    return new Accumulator(this.grid.count, this.budget);
  }
}

function vector(series: readonly StepSeries[]): Value {
  return { kind: 'vector', series };
}

function isRange(expr: Expr): expr is MatrixSelector | Subquery {
  return expr.kind === 'matrix' || expr.kind === 'subquery';
}

function textOf(expr: Expr): string {
  const inner = unparen(expr);
  if (inner.kind !== 'string') throw new Error('a string was expected');
  return inner.value;
}

function anyPresent(series: readonly StepSeries[], count: number): Uint8Array {
  const any = new Uint8Array(count);
  for (const { present } of series) for (let i = 0; i < count; i++) any[i]! |= present[i]!;
  return any;
}
