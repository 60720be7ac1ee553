import type { Matcher } from './matcher.js';

/** Fixed time of the `@` modifier, in milliseconds, or the start or end of the query. */
export type At = number | 'start' | 'end';

interface Placed {
  /** Place in the query, from 0, for messages. */
  readonly from: number;
}

/** When a selector looks, relative to the step being evaluated. */
export interface Shift {
  readonly offsetMs: number;
  readonly at: At | undefined;
}

export interface NumberLiteral extends Placed {
  readonly kind: 'number';
  readonly value: number;
}

export interface StringLiteral extends Placed {
  readonly kind: 'string';
  readonly value: string;
}

/** `name{label="value"} offset 5m @ 100` */
export interface VectorSelector extends Placed, Shift {
  readonly kind: 'vector';
  readonly matchers: readonly Matcher[];
}

/** `selector[5m]` */
export interface MatrixSelector extends Placed, Shift {
  readonly kind: 'matrix';
  readonly matchers: readonly Matcher[];
  readonly rangeMs: number;
}

/** `expression[1h:5m]`; without a step that of the server. */
export interface Subquery extends Placed, Shift {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly rangeMs: number;
  readonly stepMs: number | undefined;
}

export interface Paren extends Placed {
  readonly kind: 'paren';
  readonly expr: Expr;
}

export interface Unary extends Placed {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
}

/** How the two sides of an operator find each other. */
export interface Matching {
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Side that may have many series to one of the other. */
  readonly many: 'left' | 'right' | undefined;
  /** Labels that the result takes from the one side. */
  readonly include: readonly string[];
}

/** Arithmetic, comparison and set operators. */
export type BinaryOp = ArithmeticOp | ComparisonOp | SetOp;
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOp = '==' | '!=' | '>' | '<' | '>=' | '<=';
export type SetOp = 'and' | 'or' | 'unless';

export interface Binary extends Placed {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly bool: boolean;
  /** Undefined where the query says nothing: by all labels, one to one. */
  readonly matching: Matching | undefined;
  readonly left: Expr;
  readonly right: Expr;
}

export interface Call extends Placed {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expr[];
}

export interface Aggregation extends Placed {
  readonly kind: 'aggregation';
  readonly op: string;
  readonly param: Expr | undefined;
  readonly expr: Expr;
  /** Labels that groups are made by, or without; absent: one group. */
  readonly grouping: { readonly without: boolean; readonly labels: readonly string[] };
}

/** A parsed query. */
export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Paren
  | Unary
  | Binary
  | Call
  | Aggregation;

/** What an expression gives, in the words of Prometheus. */
export type ValueType = 'scalar' | 'instant vector' | 'range vector' | 'string';

/** The expression inside any parentheses. */
export function unparen(expr: Expr): Expr {
  return expr.kind === 'paren' ? unparen(expr.expr) : expr;
}

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '>', '<', '>=', '<=']);
const SET_OPS: ReadonlySet<string> = new Set(['and', 'or', 'unless']);

export function isComparison(op: BinaryOp): op is ComparisonOp {
  return COMPARISONS.has(op);
}

export function isSetOp(op: BinaryOp): op is SetOp {
  return SET_OPS.has(op);
}
