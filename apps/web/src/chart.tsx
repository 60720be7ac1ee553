import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { LINES, type Columns, type Line } from './chart-data.js';
import { numberText, timeText } from './format.js';
import { colour, onColours } from './theme.js';

interface ChartProps {
  readonly columns: Columns;
  /** What the chart shows, for who can't see it. */
  readonly label: string;
  readonly height?: number;
  readonly unit?: string | null | undefined;
  /** A stretch that was dragged over, in epoch milliseconds. */
  readonly onSelect?: (from: number, to: number) => void;
}

/** From and to, in seconds since the epoch. */
type Stretch = readonly [from: number, to: number];

/** Pixels; less is a click. */
const LEAST_DRAG = 8;

const NAMES: Readonly<Partial<Record<Line, string>>> = {
  actual: 'actual',
  median: 'forecast',
  low80: '80 % from',
  high80: 'to',
  earlier: 'earlier forecast',
  anomaly: 'anomaly',
};

/** The chart of a series: actual, fan of the forecast, an earlier forecast, anomalies. Arrow keys walk along it. */
export function Chart({ columns, label, height = 320, unit, onSelect }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const current = useRef({ columns, onSelect });
  current.current = { columns, onSelect };

  useEffect(() => {
    const element = holder.current!;
    const make = () => {
      plot.current?.destroy();
      const show = (u: uPlot) => {
        if (readout.current) readout.current.textContent = readoutText(u, unit);
      };
      const ended = (stretch: Stretch | undefined) => {
        plot.current?.setData(current.current.columns);
        if (stretch) current.current.onSelect?.(stretch[0] * 1_000, stretch[1] * 1_000);
      };
      plot.current = new uPlot(options(element.clientWidth, height, show, ended), current.current.columns, element);
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const forget = onColours(make);
    return () => {
      resized.disconnect();
      forget();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [height, unit]);

  // Not in the middle of a drag, which it would end: then once that is over.
  useEffect(() => {
    if (!plot.current?.select.width) plot.current?.setData(columns);
  }, [columns]);

  const walk = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    const u = plot.current;
    if (step === undefined || !u) return;
    event.preventDefault();
    const last = u.data[0].length - 1;
    const index = Math.max(0, Math.min(last, (u.cursor.idx ?? (step > 0 ? -1 : last + 1)) + step));
    u.setCursor({ left: u.valToPos(u.data[0][index]!, 'x'), top: u.over.clientHeight / 2 });
  };

  return (
    <figure class="chart">
      <div
        ref={holder}
        role="img"
        aria-label={`${label} Left and right arrow keys read single points.`}
        tabIndex={0}
        onKeyDown={walk}
        style={{ minHeight: `${height}px` }}
      />
      <figcaption ref={readout} class="readout" aria-live="polite">
        Point at the chart to read values; drag over it to zoom.
      </figcaption>
    </figure>
  );
}

function readoutText(u: uPlot, unit: string | null | undefined): string {
  const { idx } = u.cursor;
  if (idx === null || idx === undefined) return 'Point at the chart to read values; drag over it to zoom.';
  const parts = LINES.flatMap((line, i) => {
    const value = u.data[i + 1]?.[idx];
    const name = NAMES[line];
    return name && value !== null && value !== undefined ? [`${name} ${numberText(value)}`] : [];
  });
  return [`${timeText(u.data[0][idx]! * 1_000)}: ${parts.join(' · ') || 'no value'}`, ...(unit ? [unit] : [])].join(
    ' ',
  );
}

function options(
  width: number,
  height: number,
  show: (u: uPlot) => void,
  ended: (stretch: Stretch | undefined) => void,
): uPlot.Options {
  const axis = {
    stroke: colour('muted'),
    grid: { stroke: colour('grid'), width: 1 },
    ticks: { stroke: colour('grid'), width: 1 },
    font: '12px system-ui, sans-serif',
  };
  const hidden = { stroke: 'transparent', width: 0, points: { show: false } };
  const line = (stroke: string, width: number, dash?: number[]) => ({
    stroke,
    width,
    spanGaps: true,
    points: { show: false },
    ...(dash && { dash }),
  });
  const series: Record<Line, uPlot.Series> = {
    earlierLow: { ...hidden, spanGaps: true },
    earlierHigh: { ...hidden, spanGaps: true },
    earlier: line(colour('earlier'), 1.5, [5, 4]),
    low95: { ...hidden, spanGaps: true },
    high95: { ...hidden, spanGaps: true },
    low80: { ...hidden, spanGaps: true },
    high80: { ...hidden, spanGaps: true },
    median: line(colour('forecast'), 2),
    actual: { stroke: colour('actual'), width: 1.5, points: { show: false } },
    anomaly: {
      stroke: colour('alarm'),
      paths: () => null,
      points: { show: true, size: 9, width: 2, stroke: colour('alarm'), fill: colour('surface') },
    },
  };
  const at = (name: Line) => LINES.indexOf(name) + 1;
  return {
    width,
    height,
    series: [{}, ...LINES.map((name) => series[name])],
    bands: [
      { series: [at('earlierHigh'), at('earlierLow')], fill: colour('earlier-band') },
      { series: [at('high95'), at('low95')], fill: colour('band-95') },
      { series: [at('high80'), at('low80')], fill: colour('band-80') },
    ],
    axes: [
      { ...axis, space: 70 },
      { ...axis, size: 62, values: (_u, ticks) => ticks.map((tick) => numberText(tick)) },
    ],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    padding: [12, 8, 0, 0],
    hooks: {
      setCursor: [show],
      setSelect: [
        (u) => {
          const { left, width: dragged } = u.select;
          if (dragged === 0) return;
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          ended(dragged < LEAST_DRAG ? undefined : [u.posToVal(left, 'x'), u.posToVal(left + dragged, 'x')]);
        },
      ],
    },
  };
}
