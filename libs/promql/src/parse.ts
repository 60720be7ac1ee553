import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { RE2JSException } from 're2js';

import type { At, BinaryOp, Expr, Matching, VectorSelector } from './ast.js';
import { checkTypes } from './check-types.js';
import { parseError, PromqlError } from './errors.js';
import { METRIC_NAME } from './labels.js';
import { parseDuration, parseNumber, unquote } from './literals.js';
import { Matcher, type MatchOp } from './matcher.js';
import { associate, type Operator, type Row } from './operators.js';

const LONGEST_QUERY = 65_536;
const DEEPEST = 250;

/**
 * Parses a query of the supported subset of PromQL and checks its types.
 *
 * @throws PromqlError `bad_data`, naming the place and what is wrong there or is not supported.
 */
export function parse(query: string): Expr {
  if (query.length > LONGEST_QUERY) {
    throw new PromqlError('bad_data', `the query has ${query.length} characters; at most ${LONGEST_QUERY} are read`);
  }
  const { topNode } = parser.parse(query);
  refuseErrors(query, topNode);
  const body = childrenOf(topNode).filter(({ name }) => name !== 'LineComment');
  if (body.length !== 1) throw parseError(query, 0, 'no expression found in input');
  const expr = new Lowering(query).expr(body[0]!);
  checkTypes(query, expr);
  return expr;
}

/**
 * Parses a selector such as `match[]` has: a name, matchers, or both.
 *
 * @throws PromqlError `bad_data`.
 */
export function parseSelector(text: string): readonly Matcher[] {
  const expr = parse(text);
  if (expr.kind === 'vector' && expr.at === undefined && expr.offsetMs === 0) return expr.matchers;
  throw new PromqlError('bad_data', `${JSON.stringify(text.slice(0, 200))} is no series selector`);
}

function refuseErrors(query: string, top: SyntaxNode): void {
  const cursor = top.cursor();
  do {
    if (!cursor.type.isError) continue;
    const { from } = cursor;
    const call = /([A-Za-z_:][\w:]*)\s*$/.exec(query.slice(0, from));
    if (call && query[from] === '(' && !AGGREGATIONS.has(call[1]!.toLowerCase())) {
      throw parseError(query, call.index, `unknown function with name ${JSON.stringify(call[1])}`);
    }
    if (query.trim() === '') throw parseError(query, query.length, 'no expression found in input');
    const rest = query.slice(from).trimStart();
    const found = rest === '' ? 'end of input' : JSON.stringify(/^(?:\w+|\W)/.exec(rest)?.[0] ?? '');
    throw parseError(query, from, `unexpected ${found}`);
  } while (cursor.next());
}

const AGGREGATIONS = new Set('sum avg min max count group stddev stdvar topk bottomk quantile count_values'.split(' '));

const UNSUPPORTED: Readonly<Record<string, string>> = {
  AnchoredExpr: 'the modifier anchored',
  SmoothedExpr: 'the modifier smoothed',
  FillClause: 'the modifier fill',
};

/** Makes an expression of a tree of the grammar. */
class Lowering {
  #depth = 0;

  constructor(private readonly query: string) {}

  /** Signs, operators and what hangs on their operands are put in a row first, then together by precedence. */
  expr(node: SyntaxNode): Expr {
    const row: Row = [];
    this.#flatten(node, row);
    return associate(row);
  }

  #flatten(node: SyntaxNode, row: Row): void {
    if (++this.#depth > DEEPEST) this.#refuse(node, `the query is nested deeper than ${DEEPEST} levels`);
    switch (node.name) {
      case 'BinaryExpr':
        this.#binary(node, row);
        break;
      case 'UnaryExpr': {
        const [sign, operand] = childrenOf(node);
        row.push({ sign: this.#text(sign!) === '-' ? '-' : '+', from: node.from });
        this.#flatten(operand!, row);
        break;
      }
      case 'NumberDurationLiteral':
        this.#number(node, row);
        break;
      case 'OffsetExpr':
      case 'StepInvariantExpr':
      case 'MatrixSelector':
      case 'SubqueryExpr': {
        this.#flatten(node.firstChild!, row);
        const last = row.at(-1)!;
        if ('operand' in last) last.operand = this.#postfix(node, last.operand);
        break;
      }
      default:
        row.push({ operand: this.#operand(node) });
    }
    this.#depth--;
  }

  #binary(node: SyntaxNode, row: Row): void {
    const children = childrenOf(node);
    const left = children[0]!;
    const right = children.at(-1)!;
    const [op, ...modifiers] = children.slice(1, -1);
    let bool = false;
    let matching: Matching | undefined;
    for (const modifier of modifiers) {
      if (modifier.name === 'BoolModifier') bool = true;
      else if (modifier.name === 'MatchingModifierClause') matching = this.#matching(modifier);
      else this.#unsupported(modifier);
    }
    const operator: Operator = { from: node.from, op: this.#text(op!).toLowerCase() as BinaryOp, bool, matching };
    this.#flatten(left, row);
    row.push({ operator });
    this.#flatten(right, row);
  }

  #matching(clause: SyntaxNode): Matching {
    const matching = {
      on: false,
      labels: [] as string[],
      many: undefined as Matching['many'],
      include: [] as string[],
    };
    for (const part of childrenOf(clause)) {
      if (part.name === 'On') matching.on = true;
      else if (part.name === 'GroupLeft') matching.many = 'left';
      else if (part.name === 'GroupRight') matching.many = 'right';
      else if (part.name === 'GroupingLabels') {
        matching[matching.many ? 'include' : 'labels'] = this.#groupingLabels(part);
      } else if (part.name !== 'Ignoring') this.#unsupported(part);
    }
    return matching;
  }

  #groupingLabels(node: SyntaxNode): string[] {
    return childrenOf(node).map((label) => {
      if (label.name === 'QuotedLabelName') this.#refuse(label, 'quoted label names are not supported');
      return this.#text(label);
    });
  }

  #number(node: SyntaxNode, row: Row): void {
    const text = this.#text(node);
    const sign = /^[+-]/.exec(text)?.[0];
    if (sign !== undefined) row.push({ sign: sign as '+' | '-', from: node.from });
    const value = parseNumber(text.replace(/^[+-]\s*/, ''));
    if (value === undefined) this.#refuse(node, `${JSON.stringify(text)} is no number`);
    row.push({ operand: { kind: 'number', value, from: node.from } });
  }

  #operand(node: SyntaxNode): Expr {
    const { name, from } = node;
    switch (name) {
      case 'ParenExpr':
        return { kind: 'paren', expr: this.expr(childrenOf(node)[0]!), from };
      case 'StringLiteral':
        return { kind: 'string', value: this.#string(node), from };
      case 'VectorSelector':
        return this.#vector(node);
      case 'FunctionCall': {
        const [identifier, body] = childrenOf(node);
        return { kind: 'call', name: this.#text(identifier!), args: this.#args(body!), from };
      }
      case 'AggregateExpr':
        return this.#aggregation(node);
      default:
        return this.#unsupported(node);
    }
  }

  #args(body: SyntaxNode): Expr[] {
    return childrenOf(body).map((arg) => this.expr(arg));
  }

  #aggregation(node: SyntaxNode): Expr {
    const parts = new Map(childrenOf(node).map((child) => [child.name, child]));
    const op = this.#text(parts.get('AggregateOp')!).toLowerCase();
    if (!AGGREGATIONS.has(op)) this.#refuse(node, `the aggregation ${op} is not supported`);
    const args = this.#args(parts.get('FunctionCallBody')!);
    const takesParam = ['topk', 'bottomk', 'quantile', 'count_values'].includes(op);
    const wanted = takesParam ? 2 : 1;
    if (args.length !== wanted) {
      this.#refuse(
        node,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    }
    const modifier = parts.get('AggregateModifier');
    const [keyword, labels] = modifier ? childrenOf(modifier) : [];
    return {
      kind: 'aggregation',
      op,
      param: takesParam ? args[0] : undefined,
      expr: args.at(-1)!,
      grouping: { without: keyword?.name === 'Without', labels: labels ? this.#groupingLabels(labels) : [] },
      from: node.from,
    };
  }

  #vector(node: SyntaxNode): VectorSelector {
    const matchers: Matcher[] = [];
    for (const child of childrenOf(node)) {
      if (child.name === 'Identifier') matchers.push(new Matcher(METRIC_NAME, '=', this.#text(child)));
      else for (const matcher of childrenOf(child)) matchers.push(this.#matcher(matcher));
    }
    const names = matchers.filter(({ label, op }) => label === METRIC_NAME && op === '=');
    if (node.firstChild?.name === 'Identifier' && names.length > 1) {
      this.#refuse(
        node,
        `metric name must not be set twice: ${names.map(({ value }) => JSON.stringify(value)).join(' or ')}`,
      );
    }
    if (matchers.every((matcher) => matcher.matches(''))) {
      this.#refuse(node, 'vector selector must contain at least one non-empty matcher');
    }
    return { kind: 'vector', matchers, offsetMs: 0, at: undefined, from: node.from };
  }

  #matcher(node: SyntaxNode): Matcher {
    const [label, op, value] = childrenOf(node);
    if (node.name !== 'UnquotedLabelMatcher') this.#refuse(node, 'quoted label names are not supported');
    try {
      return new Matcher(this.#text(label!), this.#text(op!) as MatchOp, this.#string(value!));
    } catch (error) {
      if (error instanceof RE2JSException) return this.#refuse(node, error.message);
      throw error;
    }
  }

  /** A range, a subquery, an offset or a fixed time, hung on the operand before it. */
  #postfix(node: SyntaxNode, operand: Expr): Expr {
    if (node.name === 'MatrixSelector') return this.#matrix(node, operand);
    if (node.name === 'SubqueryExpr') return this.#subquery(node, operand);
    const offset = node.name === 'OffsetExpr';
    const modifier = offset ? 'offset' : '@';
    if (operand.kind !== 'vector' && operand.kind !== 'matrix' && operand.kind !== 'subquery') {
      return this.#refuse(
        node,
        `${modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
      );
    }
    if (offset) {
      if (operand.offsetMs !== 0) this.#refuse(node, 'offset may not be set multiple times');
      return { ...operand, offsetMs: this.#signedDuration(childrenOf(node).at(-1)!) };
    }
    if (operand.at !== undefined) this.#refuse(node, '@ <timestamp> may not be set multiple times');
    return { ...operand, at: this.#at(childrenOf(node).at(-1)!) };
  }

  #matrix(node: SyntaxNode, operand: Expr): Expr {
    if (operand.kind !== 'vector') return this.#refuse(node, 'ranges only allowed for vector selectors');
    if (operand.offsetMs !== 0) this.#refuse(node, 'no offset modifiers allowed before range');
    if (operand.at !== undefined) this.#refuse(node, 'no @ modifiers allowed before range');
    return { ...operand, kind: 'matrix', rangeMs: this.#duration(childrenOf(node).at(-1)!) };
  }

  #subquery(node: SyntaxNode, operand: Expr): Expr {
    const [range, step] = childrenOf(node).slice(1);
    return {
      kind: 'subquery',
      expr: operand,
      rangeMs: this.#duration(range!),
      stepMs: step && this.#duration(step),
      offsetMs: 0,
      at: undefined,
      from: node.from,
    };
  }

  #at(node: SyntaxNode): At {
    if (node.name === 'AtModifierPreprocessors') return node.firstChild?.name === 'AtStart' ? 'start' : 'end';
    const seconds = Number(this.#text(node));
    if (!Number.isFinite(seconds)) this.#refuse(node, `timestamp out of bounds for @ modifier: ${this.#text(node)}`);
    return Math.round(seconds * 1000);
  }

  #signedDuration(node: SyntaxNode): number {
    const text = this.#text(node).replaceAll(/\s/g, '');
    const ms = parseDuration(text.replace(/^[+-]/, ''));
    if (ms === undefined) return this.#refuse(node, `not a valid duration string: ${JSON.stringify(text)}`);
    return text.startsWith('-') ? -ms : ms;
  }

  #duration(node: SyntaxNode): number {
    const ms = parseDuration(this.#text(node));
    if (ms === undefined) return this.#refuse(node, `not a valid duration string: ${JSON.stringify(this.#text(node))}`);
    if (ms <= 0) this.#refuse(node, 'duration must be greater than 0');
    return ms;
  }

  #string(node: SyntaxNode): string {
    const text = unquote(this.#text(node));
    return text ?? this.#refuse(node, `invalid escape in ${this.#text(node).slice(0, 100)}`);
  }

  #text(node: SyntaxNode): string {
    return this.query.slice(node.from, node.to);
  }

  #unsupported(node: SyntaxNode): never {
    return this.#refuse(node, `${UNSUPPORTED[node.name] ?? node.name} is not supported`);
  }

  #refuse(node: SyntaxNode, message: string): never {
    throw parseError(this.query, node.from, message);
  }
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children.filter(({ name }) => name !== 'LineComment');
}
