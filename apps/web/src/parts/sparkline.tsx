import { useEffect, useRef, useState } from 'preact/hooks';
import { get, seriesPath, type Observations, type Series } from '../api.js';
import { durationMs } from '../format.js';

const WIDTH = 120;
const HEIGHT = 28;
const STEPS = 120;

/** The newest course of a series, read once it comes into sight. */
export function Sparkline({ series }: { readonly series: Series }) {
  const holder = useRef<SVGSVGElement>(null);
  const [isSeen, setSeen] = useState(false);
  const [path, setPath] = useState('');
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true),
    );
    observer.observe(holder.current!);
    return () => observer.disconnect();
  }, []);
  const { item_id, channel, last_ts, freq } = series;
  useEffect(() => {
    if (!isSeen || last_ts === null) return;
    const leaving = new AbortController();
    const step = durationMs(freq) ?? 60_000;
    const from = new Date(Date.parse(last_ts) - STEPS * step).toISOString();
    get<Observations>(`${seriesPath(item_id, channel)}/observations`, { from, max_points: 80 }, leaving.signal).then(
      ({ observations }) => setPath(pathOf(observations.map(({ ts, value }) => [Date.parse(ts), value]))),
      () => setPath(''),
    );
    return () => leaving.abort();
  }, [isSeen, item_id, channel, last_ts, freq]);
  return (
    <svg ref={holder} class="spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

function pathOf(points: readonly (readonly [x: number, y: number])[]): string {
  if (points.length < 2) return '';
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x0, x1, y0, y1] = [xs[0]!, xs.at(-1)!, Math.min(...ys), Math.max(...ys)];
  const scale = (value: number, from: number, to: number, size: number) =>
    to > from ? ((value - from) / (to - from)) * size : size / 2;
  const place = ([x, y]: readonly [number, number]) =>
    `${scale(x, x0, x1, WIDTH - 2) + 1},${HEIGHT - 2 - scale(y, y0, y1, HEIGHT - 4)}`;
  return `M${points.map((point) => place(point)).join('L')}`;
}
