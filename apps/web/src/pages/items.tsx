import { useEffect, useMemo, useState } from 'preact/hooks';
import { get, type Series } from '../api.js';
import { ageText, freshness, type Freshness } from '../format.js';
import { useChanges, useLoad, useNow, useThrottled } from '../hooks.js';
import { FreshnessChip, PageTitle, Problem } from '../parts/common.js';
import { Sparkline } from '../parts/sparkline.js';
import { itemHref } from '../route.js';

interface Page {
  readonly series: Series[];
  readonly next_cursor: string | null;
}
interface Item {
  readonly itemId: string;
  readonly channels: Series[];
  readonly newest: Series;
}

const PAGE = 200;
const MOST_FOLLOWED = 100;
const TYPING_MS = 200;
const ORDER: readonly Freshness[] = ['fresh', 'late', 'silent', 'unknown'];

/** All items with how fresh they are; the list searches as one types. */
export function ItemsPage() {
  const [typed, setTyped] = useState('');
  const search = useSettled(typed.trim(), TYPING_MS);
  const [pages, setPages] = useState(1);
  useEffect(() => setPages(1), [search]);
  const { data, error, reload } = useLoad((signal) => readPages(search, pages, signal), [search, pages]);
  const items = useMemo(() => itemsOf(data?.series ?? []), [data]);
  const refresh = useThrottled(reload, 2_000);
  useChanges(
    items.slice(0, MOST_FOLLOWED).map(({ itemId }) => itemId),
    ({ type }) => (type === 'series' || type === 'streams') && refresh(),
    reload,
  );
  const now = useNow(5_000);
  return (
    <>
      <PageTitle title="Items">
        <label class="search">
          <span class="hidden">Search items, channels and labels</span>
          <input
            type="search"
            placeholder="Search items, channels, labels"
            maxLength={256}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
      </PageTitle>
      <Problem error={error} retry={reload} />
      {data && <Summary items={items} now={now} more={data.next_cursor !== null} />}
      {data && items.length === 0 && <Empty search={search} />}
      <ul class="items">
        {items.map((item) => (
          <ItemRow key={item.itemId} item={item} now={now} />
        ))}
      </ul>
      {data?.next_cursor && (
        <button type="button" class="more" onClick={() => setPages(pages + 1)}>
          Show more
        </button>
      )}
    </>
  );
}

function ItemRow({ item: { itemId, channels, newest }, now }: { readonly item: Item; readonly now: number }) {
  const names = channels.map(({ channel }) => channel);
  return (
    <li>
      <a class="item" href={itemHref(itemId)}>
        <span class="item-name">
          <bdi>{itemId}</bdi>
          <small>
            {channels.length === 1 ? (
              <bdi>{names[0]}</bdi>
            ) : (
              <>
                {channels.length} channels: <bdi>{names.slice(0, 4).join(', ')}</bdi>
                {names.length > 4 && ' …'}
              </>
            )}
          </small>
        </span>
        <Sparkline series={newest} />
        <span class="item-age">
          <FreshnessChip state={freshness(newest.last_ts, newest.freq, now)} />
          <small>{newest.last_ts ? ageText(Date.parse(newest.last_ts), now) : 'no points yet'}</small>
        </span>
      </a>
    </li>
  );
}

function Summary({ items, now, more }: { readonly items: Item[]; readonly now: number; readonly more: boolean }) {
  const counts = new Map<Freshness, number>();
  for (const { newest } of items) {
    const state = freshness(newest.last_ts, newest.freq, now);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const series = items.reduce((sum, { channels }) => sum + channels.length, 0);
  const states = ORDER.flatMap((state) =>
    counts.get(state) ? [`${counts.get(state)} ${state === 'unknown' ? 'new' : state}`] : [],
  );
  return (
    <p class="summary" role="status">
      {more ? 'The first ' : ''}
      {items.length} {items.length === 1 ? 'item' : 'items'}
      {states.length > 0 && ` (${states.join(', ')})`}, {series} series
    </p>
  );
}

function Empty({ search }: { readonly search: string }) {
  if (search !== '') return <p class="notice">Nothing has “{search}” in its name, channels or labels.</p>;
  return (
    <div class="notice">
      <p>There are no series yet. The first observation begins one:</p>
      <pre>{`curl -X POST ${location.origin}/api/v1/observations \\
  -H 'content-type: application/json' \\
  -d '{"item_id": "pump-7", "ts": "${new Date().toISOString()}", "values": {"flow": 1.2}}'`}</pre>
      <p>
        Or <a href="#/try">try a forecast on a file of yours</a>.
      </p>
    </div>
  );
}

async function readPages(search: string, pages: number, signal: AbortSignal): Promise<Page> {
  const series: Series[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < pages; n++) {
    const page = await get<Page>('/series', { search: search || undefined, limit: PAGE, cursor }, signal);
    series.push(...page.series);
    if (page.next_cursor === null) return { series, next_cursor: null };
    cursor = page.next_cursor;
  }
  return { series, next_cursor: cursor ?? null };
}

function itemsOf(series: readonly Series[]): Item[] {
  const channels = new Map<string, Series[]>();
  for (const one of series) channels.set(one.item_id, [...(channels.get(one.item_id) ?? []), one]);
  const newestOf = (list: Series[]) => list.reduce((a, b) => ((b.last_ts ?? '') > (a.last_ts ?? '') ? b : a));
  return [...channels].map(([itemId, list]) => ({ itemId, channels: list, newest: newestOf(list) }));
}

function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
