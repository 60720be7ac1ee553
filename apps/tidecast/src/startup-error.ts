/** Something that the person at the terminal can put right: printed as one sentence, without a stack, exit code 1. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** The `code` of a Node system error such as `EACCES`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The message of whatever was thrown; the errors inside an AggregateError (a refused connection has one an address) count. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return error.errors.map(errorMessage).join('; ');
  return error instanceof Error ? error.message || errorCode(error) || error.name : String(error);
}
