/** Something that a page may show is not as it was. What it is now, the page asks for. */
export type Change =
  | {
      readonly type: 'series';
      readonly item_id: string;
      readonly channel: string;
      /** Time of the newest point. */
      readonly last_ts: string | null;
      /** The newest forecast. */
      readonly forecast_id: string | null;
    }
  | { readonly type: 'anomalies'; readonly item_id: string }
  | { readonly type: 'jobs' | 'models' | 'streams' };

/** What was seen at one look: for each thing that may change its name, its state, and what to tell when that is another. */
export type Sight = ReadonlyMap<string, { readonly state: string; readonly change: Change }>;

/** Where a change is told to. */
export interface Listener {
  readonly items: ReadonlySet<string>;
  tell(name: string, change: Change): void;
}

/** Tells each listener what it asked for and what is new or not as it was before. */
export function tellChanges(before: Sight, after: Sight, listeners: Iterable<Listener>): void {
  const changed = [...after].filter(([name, { state }]) => before.get(name)?.state !== state);
  if (changed.length === 0) return;
  for (const listener of listeners) {
    for (const [name, { change }] of changed) {
      if (!('item_id' in change) || listener.items.has(change.item_id)) listener.tell(name, change);
    }
  }
}
