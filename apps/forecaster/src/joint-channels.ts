import type { Together } from '@app/forecasters';

/** What tells a channel of an item. */
interface Channel {
  readonly itemId: string;
  readonly channel: string;
}

/**
 * Which further channels of an item a model wants to see for those that were asked for: of the ones that it was made for
 * all; else, in the order of their names, the others of each group of the most that it takes.
 *
 * @param all every channel of the items, those asked for among them.
 */
export function furtherChannels<Row extends Channel>(
  asked: readonly Channel[],
  all: readonly Row[],
  { most, names }: Together,
): Row[] {
  const own = new Set(asked.map(keyOf));
  const groups = new Map<string, Row[]>();
  const places = new Map<string, number>();
  for (const row of [...all].sort((a, b) => (a.channel < b.channel ? -1 : Number(a.channel > b.channel)))) {
    if (names && !names.includes(row.channel)) continue;
    const place = places.get(row.itemId) ?? 0;
    places.set(row.itemId, place + 1);
    const group = JSON.stringify([row.itemId, names ? 0 : Math.floor(place / most)]);
    groups.set(group, [...(groups.get(group) ?? []), row]);
  }
  return [...groups.values()]
    .filter((group) => group.some((row) => own.has(keyOf(row))))
    .flatMap((group) => group.filter((row) => !own.has(keyOf(row))));
}

/** Of all windows of a call, those that a model saw beside one of them. */
export function companions<Window extends Channel>(
  windows: readonly Window[],
  together: Together | undefined,
): (window: Window) => Window[] {
  if (!together) return () => [];
  const items = new Map<string, Window[]>();
  for (const window of windows) items.set(window.itemId, [...(items.get(window.itemId) ?? []), window]);
  return (window) => furtherChannels([window], items.get(window.itemId) ?? [], together);
}

function keyOf({ itemId, channel }: Channel): string {
  return JSON.stringify([itemId, channel]);
}
