import { LOGGER, PlatformError, messageOf, type Logger } from '@app/observability';
import { pause } from '@app/streaming';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ChangeReader } from './change.reader.js';
import { tellChanges, type Change, type Sight } from './change.js';
import { Follower } from './follower.js';

const MOST_FOLLOWERS = 500;
const LOOK_EVERY_MS = 1_000;
/** Looks take at most a tenth of the time of one connection: the slower the database, the rarer they are. */
const REST_FACTOR = 9;
const IDLE_MS = 15_000;

/**
 * Tells pages what changed. One look a second at the database serves all of them, and none is taken while nobody listens.
 * At most 500 listen at a time; more are refused.
 */
@Injectable()
export class LiveFeed implements OnModuleDestroy {
  readonly #followers = new Set<Follower>();
  readonly #stopping = new AbortController();
  #looking: Promise<void> | undefined;

  constructor(
    private readonly reader: ChangeReader,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Changes of these items, and of jobs, models and streams, from now on; an empty batch every 15 seconds without any.
   * Ends when the process stops. Has to be read to its end or returned from.
   *
   * @throws PlatformError OVERLOADED.
   */
  follow(items: readonly string[]): AsyncGenerator<Change[], void, void> {
    if (this.#followers.size >= MOST_FOLLOWERS) {
      throw new PlatformError('OVERLOADED', `${MOST_FOLLOWERS} pages follow changes already; close some, or try later`);
    }
    const follower = new Follower(items);
    this.#followers.add(follower);
    if (this.#stopping.signal.aborted) follower.close();
    else this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#read(follower);
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort();
    for (const follower of this.#followers) follower.close();
    await this.#looking;
  }

  async *#read(follower: Follower): AsyncGenerator<Change[], void, void> {
    try {
      yield* follower.read(IDLE_MS);
    } finally {
      this.#followers.delete(follower);
    }
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    let seen: Sight | undefined;
    let watched = new Set<string>();
    while (this.#followers.size > 0 && !signal.aborted) {
      const started = performance.now();
      const items = new Set([...this.#followers].flatMap((follower) => [...follower.items]));
      try {
        const sight = await this.reader.look([...items]);
        if (seen) tellChanges(withNew(seen, sight, watched), sight, this.#followers);
        seen = sight;
        watched = items;
      } catch (error) {
        this.logger.warn({ err: error }, `changes can't be told now, trying again: ${messageOf(error)}`);
      }
      await pause(Math.max(LOOK_EVERY_MS, (performance.now() - started) * REST_FACTOR), signal);
    }
  }
}

// An item that nobody watched until now has not changed: its page has just read it.
function withNew(seen: Sight, sight: Sight, watched: ReadonlySet<string>): Sight {
  const fresh = [...sight].filter(([, { change }]) => 'item_id' in change && !watched.has(change.item_id));
  return fresh.length === 0 ? seen : new Map([...seen, ...fresh]);
}
