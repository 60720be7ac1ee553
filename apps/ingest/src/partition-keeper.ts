import { messageOf, type Logger } from '@app/observability';
import type { DataSource } from 'typeorm';

/** A calendar month in UTC: [from, to) in epoch milliseconds. */
export interface Month {
  readonly from: number;
  readonly to: number;
}

const DAY_MS = 86_400_000;
const MONTHS_AHEAD = 2;
/** All that is older lies in one partition. */
const FIRST_MONTH = Date.UTC(2000, 0);

/** The month that a time lies in. */
export function monthOf(ts: number): Month {
  const date = new Date(ts);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { from: startOfMonth(year, month), to: startOfMonth(year, month + 1) };
}

// Date.UTC takes the years 0 to 99 for 1900 to 1999.
function startOfMonth(year: number, month: number): number {
  return new Date(0).setUTCFullYear(year, month, 1);
}

/** Makes the monthly partitions of `observations` before they are needed. */
export class PartitionKeeper {
  readonly #made = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly logger: Logger,
  ) {}

  /** Resolves when every month has its partition. Call it before the transaction: making one takes locks. */
  async ensure(months: Iterable<Month>): Promise<void> {
    for (const { from } of months) {
      if (from < FIRST_MONTH || this.#made.has(from)) continue;
      await this.dataSource.query(`SELECT ensure_observation_partitions($1, $1)`, [new Date(from)]);
      this.#made.add(from);
    }
  }

  /** Makes this month's and the next two now, and again every day. */
  async start(now: () => number): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.ensure(comingMonths(now())).catch((error: unknown) => {
        this.logger.warn({ reason: messageOf(error) }, 'partitions were not made ahead; writing will make them');
      });
    }, DAY_MS).unref();
    await this.ensure(comingMonths(now()));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function comingMonths(now: number): Month[] {
  const months = [monthOf(now)];
  for (let i = 0; i < MONTHS_AHEAD; i++) months.push(monthOf(months.at(-1)?.to ?? now));
  return months;
}
