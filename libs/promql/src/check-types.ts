import { isComparison, isSetOp, type Aggregation, type Binary, type Call, type Expr, type ValueType } from './ast.js';
import { parseError } from './errors.js';
import { FUNCTIONS } from './functions.js';

/**
 * What an expression gives, once everything in it fits.
 *
 * @throws PromqlError `bad_data` in the words of Prometheus where something does not.
 */
export function checkTypes(query: string, expr: Expr): ValueType {
  return new TypeChecker(query).typeOf(expr);
}

class TypeChecker {
  constructor(private readonly query: string) {}

  typeOf(expr: Expr): ValueType {
    switch (expr.kind) {
      case 'number':
        return 'scalar';
      case 'string':
        return 'string';
      case 'vector':
        return 'instant vector';
      case 'matrix':
        return 'range vector';
      case 'paren':
        return this.typeOf(expr.expr);
      case 'subquery': {
        const type = this.typeOf(expr.expr);
        if (type !== 'instant vector')
          this.#refuse(expr, `subquery is only allowed on instant vector, got ${type} instead`);
        return 'range vector';
      }
      case 'unary': {
        const type = this.typeOf(expr.expr);
        if (type === 'scalar' || type === 'instant vector') return type;
        return this.#refuse(
          expr,
          `unary expression only allowed on expressions of type scalar or instant vector, got "${type}"`,
        );
      }
      case 'binary':
        return this.#binary(expr);
      case 'call':
        return this.#call(expr);
      case 'aggregation':
        return this.#aggregation(expr);
    }
  }

  #binary(expr: Binary): ValueType {
    const types = [this.typeOf(expr.left), this.typeOf(expr.right)];
    const { op, matching } = expr;
    if (types.some((type) => type !== 'scalar' && type !== 'instant vector')) {
      this.#refuse(expr, 'binary expression must contain only scalar and instant vector types');
    }
    if (expr.bool && !isComparison(op)) this.#refuse(expr, 'bool modifier can only be used on comparison operators');
    const vectors = types.every((type) => type === 'instant vector');
    if (!vectors) {
      if (matching) this.#refuse(expr, 'vector matching only allowed between instant vectors');
      if (isSetOp(op)) this.#refuse(expr, `set operator "${op}" not allowed in binary scalar expression`);
    }
    if (types.every((type) => type === 'scalar')) {
      if (isComparison(op) && !expr.bool) this.#refuse(expr, 'comparisons between scalars must use BOOL modifier');
      return 'scalar';
    }
    if (matching?.many && isSetOp(op)) this.#refuse(expr, `no grouping allowed for "${op}" operation`);
    const twice = matching?.on ? matching.include.find((label) => matching.labels.includes(label)) : undefined;
    if (twice !== undefined) this.#refuse(expr, `label "${twice}" must not occur in ON and GROUP clause at once`);
    return 'instant vector';
  }

  #call(expr: Call): ValueType {
    const signature = FUNCTIONS.get(expr.name);
    if (!signature) return this.#refuse(expr, `the function ${expr.name}() is not supported`);
    const { args, required, variadic } = signature;
    const given = expr.args.length;
    const wanted = (count: string) => `expected ${count} argument(s) in call to "${expr.name}", got ${given}`;
    if (required === args.length && !variadic && given !== required) this.#refuse(expr, wanted(String(required)));
    if (given < required) this.#refuse(expr, wanted(`at least ${required}`));
    if (given > args.length && !variadic) this.#refuse(expr, wanted(`at most ${args.length}`));
    for (const [i, arg] of expr.args.entries()) {
      this.#expect(arg, args[Math.min(i, args.length - 1)]!, `in call to function "${expr.name}"`);
    }
    return signature.returns;
  }

  #aggregation(expr: Aggregation): ValueType {
    this.#expect(expr.expr, 'instant vector', 'in aggregation expression');
    if (expr.param) {
      this.#expect(expr.param, expr.op === 'count_values' ? 'string' : 'scalar', 'in aggregation parameter');
    }
    return 'instant vector';
  }

  #expect(expr: Expr, type: ValueType, where: string): void {
    const found = this.typeOf(expr);
    if (found !== type) this.#refuse(expr, `expected type ${type} ${where}, got ${found}`);
  }

  #refuse(expr: Expr, message: string): never {
    throw parseError(this.query, expr.from, message);
  }
}
