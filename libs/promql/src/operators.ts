import type { BinaryOp, Expr, Matching } from './ast.js';

/** A binary operator with its modifiers, between two operands. */
export interface Operator {
  readonly from: number;
  readonly op: BinaryOp;
  readonly bool: boolean;
  readonly matching: Matching | undefined;
}

/** An expression without parentheses as a row: signs, operands and the operators between them. */
export type Row = (
  { readonly sign: '+' | '-'; readonly from: number } | { operand: Expr } | { readonly operator: Operator }
)[];

/** Higher ones bind tighter: https://prometheus.io/docs/prometheus/latest/querying/operators/#binary-operator-precedence */
const PRECEDENCE: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<=': 3,
  '<': 3,
  '>=': 3,
  '>': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};
const SIGN_PRECEDENCE = 6;

/**
 * Puts a row together by precedence; all operators but `^` go from left to right. The grammar's own tree is not taken for
 * that: it hangs `offset` and `@` on the whole expression before them, and a sign on the number below a power.
 */
export function associate(row: Row): Expr {
  let next = 0;

  const primary = (): Expr => {
    const item = row[next++]!;
    if ('sign' in item) return { kind: 'unary', op: item.sign, expr: climb(SIGN_PRECEDENCE), from: item.from };
    if ('operand' in item) return item.operand;
    throw new Error('an operator stands where an operand must');
  };

  const climb = (least: number): Expr => {
    let left = primary();
    for (let item = row[next]; item && 'operator' in item; item = row[next]) {
      const { op } = item.operator;
      const precedence = PRECEDENCE[op];
      if (precedence < least) break;
      next++;
      const right = climb(op === '^' ? precedence : precedence + 1);
      left = { kind: 'binary', ...item.operator, left, right };
    }
    return left;
  };
  return climb(1);
}
