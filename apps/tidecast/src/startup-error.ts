/** Something that the person at the terminal can put right: printed as one sentence, without a stack, exit code 1. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** The `code` of a Node or database error such as `EACCES`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = member(error, 'code');
  return typeof code === 'string' ? code : undefined;
}

/** The message of whatever was thrown; a connection refused on several addresses says so for the first. */
export function errorMessage(error: unknown): string {
  const message = member(error, 'message');
  if (typeof message === 'string' && message !== '') return message;
  const errors = member(error, 'errors');
  if (Array.isArray(errors) && errors.length > 0) return errorMessage(errors[0]);
  return errorCode(error) ?? String(error);
}

/** The thing itself where it is an error, whatever realm it comes from; otherwise an error that says it. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(errorMessage(thrown));
}

function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'stack' in thrown);
}

function member(thrown: unknown, name: string): unknown {
  return typeof thrown === 'object' && thrown !== null && name in thrown
    ? (thrown as Record<string, unknown>)[name]
    : undefined;
}
