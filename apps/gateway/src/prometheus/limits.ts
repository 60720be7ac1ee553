import { PromqlError } from '@app/promql';

/** Times beyond what PostgreSQL and JavaScript both know are as good as for ever. */
export function dateOf(ms: number): Date {
  return new Date(Math.min(Math.max(ms, FIRST_MS), LAST_MS));
}

const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T00:00:00Z');

/** The words of Prometheus, and what helps. */
export function tooManySamples(most: number): PromqlError {
  return new PromqlError(
    'execution',
    `query processing would load too many samples into memory in query execution: more than ${most}; ask for less time or fewer series`,
  );
}
