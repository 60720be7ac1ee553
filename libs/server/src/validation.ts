import { StandardSchemaValidationPipe } from '@nestjs/common';
import { PlatformError } from '@app/observability';

/** What a schema says about a value: an issue of Standard Schema. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Beyond these the answer would be longer than the request. */
const MOST_ERRORS = 100;
const LONGEST_MESSAGE = 500;

/**
 * The one way that requests are validated and documented: `@Body({ schema })`, `@Query({ schema })` and
 * `@Param({ schema })` with a zod schema, `@ApiResponse({ status, standardSchema })` for what comes back. Handlers get
 * the parsed value; OpenAPI shows the same schema.
 */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({ exceptionFactory: (issues) => invalidRequest(issues) });
}

function invalidRequest(issues: readonly Issue[]): PlatformError {
  const errors = issues.slice(0, MOST_ERRORS).map(({ path, message }) => ({
    path: pathText(path ?? []),
    message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)} …` : message,
  }));
  const [first] = errors;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const where = first?.path ? `${first.path}: ` : '';
  return new PlatformError('INVALID_REQUEST', `${where}${first?.message ?? 'the request is not valid'}${more}`, {
    errors,
  });
}

/** `series[0].target[3]`, as one would write it. */
function pathText(path: NonNullable<Issue['path']>): string {
  return path
    .map((part) => (typeof part === 'object' ? part.key : part))
    .map((key, depth) => (typeof key === 'number' ? `[${key}]` : `${depth > 0 ? '.' : ''}${String(key)}`))
    .join('');
}
