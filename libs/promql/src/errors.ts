/** What went wrong, in the words of Prometheus' API: the query is not one, or answering it failed or took too long. */
export type PromqlErrorKind = 'bad_data' | 'execution' | 'timeout';

/** A query that can't be answered. The message is for the person who wrote it. */
export class PromqlError extends Error {
  override readonly name = 'PromqlError';

  constructor(
    readonly kind: PromqlErrorKind,
    message: string,
  ) {
    super(message);
  }
}

/** A fault in the text of a query at a place in it, as Prometheus words it: `1:5: parse error: …`. */
export function parseError(query: string, offset: number, message: string): PromqlError {
  const before = query.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - before.lastIndexOf('\n');
  return new PromqlError('bad_data', `${line}:${column}: parse error: ${message}`);
}
