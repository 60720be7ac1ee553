import { createParser } from 'eventsource-parser';
import { request } from './api.js';

/** What `GET /events` tells: see `docs/web.md`. */
export interface Change {
  readonly type: 'series' | 'anomalies' | 'jobs' | 'models' | 'streams';
  readonly item_id?: string;
  readonly channel?: string;
  readonly last_ts?: string | null;
  readonly forecast_id?: string | null;
}

export type Liveness = 'live' | 'connecting' | 'away';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** The server speaks every 15 seconds; one that is silent for longer is gone. */
const SILENCE_MS = 40_000;

/**
 * Follows changes until `signal` aborts, and connects again for as long as it takes. With `fetch` and not with
 * EventSource, which can't send a key.
 */
export async function followChanges(
  items: readonly string[],
  tell: { change: (change: Change) => void; liveness: (state: Liveness) => void; again: () => void },
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams(items.map((item) => ['item_id', item])).toString();
  for (let failures = 0; !signal.aborted; failures++) {
    tell.liveness(failures === 0 ? 'connecting' : 'away');
    try {
      await readOnce(
        `/events?${query}`,
        signal,
        (isFirst) => {
          tell.liveness('live');
          // What changed while nobody listened is not told again.
          if (isFirst && failures > 0) tell.again();
          failures = 0;
        },
        tell.change,
      );
    } catch {
      // Told by the state; the next attempt comes.
    }
    await pause(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures), signal);
  }
}

async function readOnce(
  path: string,
  signal: AbortSignal,
  heard: (isFirst: boolean) => void,
  change: (change: Change) => void,
): Promise<void> {
  const silent = new AbortController();
  const response = await request(path, { signal: AbortSignal.any([signal, silent.signal]) });
  const parser = createParser({
    onEvent: ({ event, data }) => change({ ...(JSON.parse(data) as object), type: event } as Change),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (let isFirst = true; ; isFirst = false) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      const { done, value } = await reader.read();
      if (done) return;
      heard(isFirst);
      parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
