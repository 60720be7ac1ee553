import type { SeriesWriter } from '@app/persistence';

/** A series as the writer keeps it in memory. */
export class SeriesRef {
  /** 0 until the series is looked up. */
  seriesId = 0;
  /** Epoch milliseconds of the newest committed point; −∞ without any, NaN while unknown. */
  newest = Number.NaN;
  /** Place among the series of the chunk that is being sorted, and which sorting that is. */
  slot = 0;
  walk = 0;
  /** Points counted for the profiler, and when it looks next. */
  points = 0;
  nextProfileAt = 0;
  /** What was last declared, as text. */
  declared = '';

  constructor(
    readonly itemId: string,
    readonly channel: string,
  ) {}

  get isKnown(): boolean {
    return this.seriesId !== 0 && !Number.isNaN(this.newest);
  }
}

type Generation = Map<string, Map<string, SeriesRef>>;

const DEFAULT_LIMIT = 200_000;

/**
 * The series in use, in memory. Bounded: when the young generation has `limit` series the old one is forgotten, and the
 * young one takes its place; what is used meanwhile moves over. That is nearly LRU at the price of one look-up.
 */
export class SeriesRegistry {
  #young: Generation = new Map();
  #old: Generation = new Map();
  #youngSize = 0;

  constructor(
    private readonly series: SeriesWriter,
    private readonly limit = DEFAULT_LIMIT,
  ) {}

  /** The series of that name, possibly not looked up yet. */
  ref(itemId: string, channel: string): SeriesRef {
    return this.#young.get(itemId)?.get(channel) ?? this.#adopt(itemId, channel);
  }

  /** Looks up, or creates, those that are not known yet. */
  async resolve(refs: Iterable<SeriesRef>): Promise<void> {
    const unknown = [...refs].filter((ref) => !ref.isKnown);
    if (unknown.length === 0) return;
    const found = await this.series.findOrCreate(unknown);
    for (const [place, ref] of unknown.entries()) {
      const series = found[place];
      if (!series) continue;
      if (ref.seriesId === 0) startProfile(ref, series.hasFreq);
      ref.seriesId = series.seriesId;
      ref.newest = series.newest;
    }
  }

  /** Forgets what may have changed in the database while another member wrote. */
  forget(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngSize = 0;
  }

  #adopt(itemId: string, channel: string): SeriesRef {
    const ref = this.#old.get(itemId)?.get(channel) ?? new SeriesRef(itemId, channel);
    if (this.#youngSize >= this.limit) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngSize = 0;
    }
    const channels = this.#young.get(itemId);
    if (channels) channels.set(channel, ref);
    else this.#young.set(itemId, new Map([[channel, ref]]));
    this.#youngSize++;
    return ref;
  }
}

/** Counts of points after which a series is looked at; then every 1,024. */
const PROFILE_AT = [3, 8, 32, 128, 512];
const PROFILE_EVERY = 1_024;

// A series that has a frequency already was looked at by somebody before: it counts from there.
function startProfile(ref: SeriesRef, hasFreq: boolean): void {
  ref.points = hasFreq ? (PROFILE_AT.at(-1) ?? 0) : 0;
  ref.nextProfileAt = nextProfile(ref.points);
}

/** The count of points at which the profiler looks next. */
export function nextProfile(points: number): number {
  return PROFILE_AT.find((count) => count > points) ?? points + PROFILE_EVERY;
}
