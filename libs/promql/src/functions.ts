import type { ValueType } from './ast.js';

/** What a function takes; arguments from the `required`th on may be left out. */
export interface FunctionSignature {
  readonly args: readonly ValueType[];
  readonly required: number;
  /** The last argument may come any number of times. */
  readonly variadic?: boolean;
  readonly returns: ValueType;
}

const VECTOR: ValueType = 'instant vector';
const RANGE: ValueType = 'range vector';

function takes(args: readonly ValueType[], required = args.length, returns = VECTOR): FunctionSignature {
  return { args, required, returns };
}

/** Functions of one series over a range of time. */
const OVER_RANGE =
  'rate increase delta irate idelta deriv changes resets avg_over_time min_over_time max_over_time sum_over_time ' +
  'count_over_time last_over_time present_over_time stddev_over_time stdvar_over_time absent_over_time';

/** Functions of one value. */
const OF_VALUE =
  'abs ceil floor exp ln log2 log10 sqrt sgn sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh deg rad ' +
  'timestamp absent sort sort_desc';

/** Functions of a time, which is that of the evaluation where none is given. */
const OF_TIME = 'minute hour day_of_week day_of_month day_of_year days_in_month month year';

/** Every supported function. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSignature> = new Map([
  ...OVER_RANGE.split(' ').map((name) => [name, takes([RANGE])] as const),
  ...OF_VALUE.split(' ').map((name) => [name, takes([VECTOR])] as const),
  ...OF_TIME.split(' ').map((name) => [name, takes([VECTOR], 0)] as const),
  ['quantile_over_time', takes(['scalar', RANGE])],
  ['predict_linear', takes([RANGE, 'scalar'])],
  ['round', takes([VECTOR, 'scalar'], 1)],
  ['clamp', takes([VECTOR, 'scalar', 'scalar'])],
  ['clamp_min', takes([VECTOR, 'scalar'])],
  ['clamp_max', takes([VECTOR, 'scalar'])],
  ['label_replace', takes([VECTOR, 'string', 'string', 'string', 'string'])],
  ['label_join', { ...takes([VECTOR, 'string', 'string', 'string'], 3), variadic: true }],
  ['vector', takes(['scalar'])],
  ['scalar', takes([VECTOR], 1, 'scalar')],
  ['time', takes([], 0, 'scalar')],
  ['pi', takes([], 0, 'scalar')],
]);
