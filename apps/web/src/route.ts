/** A place of the page, as the part of the address after `#` names it. */
export type Route =
  | { readonly page: 'items' }
  | { readonly page: 'item'; readonly itemId: string; readonly channel: string | undefined }
  | { readonly page: 'jobs' | 'models' | 'streams' | 'try' };

const SIMPLE = ['jobs', 'models', 'streams', 'try'] as const;

/** What a hash such as `#/items/pump-7/flow` names; the list of items where it names nothing. */
export function parseRoute(hash: string): Route {
  const [head = '', ...rest] = hash.replace(/^#?\/?/, '').split('/');
  const page = SIMPLE.find((name) => name === head);
  if (page) return { page };
  const itemId = decode(rest[0]);
  if (head === 'items' && itemId) return { page: 'item', itemId, channel: decode(rest[1]) };
  return { page: 'items' };
}

/** The address of an item, or of one of its channels. */
export function itemHref(itemId: string, channel?: string): string {
  return `#/items/${encodeURIComponent(itemId)}${channel === undefined ? '' : `/${encodeURIComponent(channel)}`}`;
}

function decode(text: string | undefined): string | undefined {
  if (!text) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    // Typed by hand: not an escape after all.
    return text;
  }
}
