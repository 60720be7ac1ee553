import { messageOf } from '@app/observability';

/** What a log line needs of an error. A database driver's error holds the parameters too: ten thousand rows a line. */
export function errorFields(error: unknown): { reason: string; stack: string | undefined; cause?: string } {
  const stack = error instanceof Error ? error.stack : undefined;
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : undefined;
  return { reason: messageOf(error), stack, ...(cause !== undefined && { cause }) };
}
