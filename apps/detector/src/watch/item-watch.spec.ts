import { DetectionRules } from '../detection-rules.js';
import { ItemWatch, type Anomaly } from './item-watch.js';
import { decodeMoments, encodeMoments, type LeadForecast, type Moment } from './moment.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 1);
const rule = (settings: object = {}) => DetectionRules.parse([{ name: 'test', ...settings }]).of('item');

/** A wave with noise; a minute a step. */
function moments(count: number, channels: readonly string[], value: (i: number, k: number) => number = wave): Moment[] {
  return Array.from({ length: count }, (_, i) => ({
    ts: START + i * MINUTE,
    channels,
    values: channels.map((_name, k) => value(i, k)),
  }));
}
const wave = (i: number, k = 0) => 10 + k + 3 * Math.sin(i / 15) + 0.2 * noise(i * 7 + k);
const noise = (i: number) => {
  const x = Math.sin(i * 12.9898) * 43_758.5453;
  return x - Math.floor(x);
};
const spiked =
  (at: number, height = 30) =>
  (i: number, k: number) =>
    wave(i, k) + (i === at ? height : 0);

function show(watch: ItemWatch, shown: readonly Moment[]): Anomaly[] {
  return shown.flatMap((moment) => watch.observe(moment));
}

const forecast = (lead: number, lower = 5, upper = 15): LeadForecast => ({
  forecastId: `f${lead}`,
  model: 'ttm',
  cutoff: START,
  lead,
  levels: [0.025, 0.1, 0.5, 0.9, 0.975],
  quantiles: [lower, lower + 1, (lower + upper) / 2, upper - 1, upper],
});

describe('ItemWatch', () => {
  it('finds a spike in one channel and says why', () => {
    const found = show(new ItemWatch(rule()), moments(600, ['flow'], spiked(500)));

    const spike = found.find(({ ts }) => ts === START + 500 * MINUTE);
    expect(spike).toMatchObject({ channel: 'flow', eventFrom: expect.any(Number), suppressedBy: undefined });
    expect(spike!.score).toBeGreaterThan(1);
    expect(spike!.grade).toBeCloseTo(1 - 1 / spike!.score, 12);
    const { detectors, channels, quality } = spike!.explanation;
    expect(detectors).toMatchObject([{ name: 'channel', votes: expect.any(Object) }]);
    expect(channels).toMatchObject([
      {
        channel: 'flow',
        value: spike!.subject.value,
        interval: { by: 'recent' },
        look_alike: { rms: expect.any(Number) },
      },
    ]);
    expect(Math.abs(channels[0]!.expected! - wave(500))).toBeLessThan(6);
    expect(quality).toEqual([]);
  });

  it('judges the channels of an item together and names those that contribute', () => {
    const found = show(
      new ItemWatch(rule({ detectors: ['item', 'rola'] })),
      moments(600, ['a', 'b', 'c'], (i, k) => wave(i, k) + (i === 500 && k < 2 ? 30 : 0)),
    );

    const spike = found.find(({ ts }) => ts === START + 500 * MINUTE)!;
    expect(spike.channel).toBeUndefined();
    const names = spike.explanation.channels.slice(0, 2).map(({ channel }) => channel);
    expect(names.toSorted()).toEqual(['a', 'b']);
    expect(spike.explanation.channels.every(({ distance }) => Number.isFinite(distance))).toBe(true);
    const votes = spike.explanation.channels.flatMap(({ vote }) => vote ?? []);
    for (const { partners, agree } of votes) {
      expect(agree).toBe(1 + partners.filter(({ agrees }) => agrees).length);
      for (const { coefficient } of partners) expect(Math.abs(coefficient)).toBeGreaterThan(0.95);
    }
  });

  it('judges a value by the forecasts stored before it, a lead at a time', () => {
    const watch = new ItemWatch(rule({ detectors: ['forecast'] }));
    const withForecasts = (moment: Moment): Moment => ({ ...moment, forecasts: [[forecast(1), forecast(3, 0, 20)]] });
    const found = show(watch, moments(1_200, ['flow'], spiked(1_100)).map(withForecasts));

    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ ts: START + 1_100 * MINUTE, subject: { expected: 10 } });
    expect(found[0]!.explanation.channels[0]!.interval).toEqual({ lower: 5, upper: 15, by: 'forecast' });
    const { violated_level, p_value, leads } = found[0]!.explanation.forecast!;
    expect(violated_level).toBe(0.975);
    expect(p_value).toBeCloseTo(1 / 1_101, 12);
    expect(leads.map(({ lead }) => lead)).toEqual([1, 3]);
  });

  it('learns nothing from repeated and late values, nor from their forecasts', () => {
    const shown = moments(300, ['flow']).map((moment) => ({ ...moment, forecasts: [[forecast(1)]] }));
    const [plain, again] = [new ItemWatch(rule()), new ItemWatch(rule())];
    show(plain, shown);
    show(
      again,
      shown.flatMap((moment, i) =>
        i % 10 === 9 ? [moment, { ...moment, values: [99] }, { ...shown[i - 5]!, values: [99] }] : [moment],
      ),
    );

    const next = moments(320, ['flow'], spiked(310)).slice(300);
    expect(show(again, next)).toEqual(show(plain, next));
  });

  it('waits for channels that come apart, for two rows and no longer', () => {
    const settings = { detectors: ['item'] };
    const apart = new ItemWatch(rule(settings));
    const both = moments(400, ['a', 'b'], spiked(380));
    apart.observe({ ts: START - MINUTE, channels: ['a', 'b'], values: [10, 11] });
    const single = both.flatMap(({ ts, channels, values }) =>
      channels.map((name, k) => ({ ts, channels: [name], values: [values[k]!] })),
    );
    const found = show(apart, single);
    expect(found.map(({ ts }) => ts)).toContain(START + 380 * MINUTE);

    // b falls silent: rows leave without it.
    const silent = moments(600, ['a'], spiked(550)).slice(400);
    const later = show(apart, silent);
    expect(later.map(({ ts }) => ts)).toContain(START + 550 * MINUTE);
    expect(later.at(-1)!.explanation.quality).toContain('missing-channels');
  });

  it('goes on when the clock is set back', () => {
    const watch = new ItemWatch(rule());
    show(watch, moments(300, ['a', 'b']));
    const earlier = moments(500, ['a', 'b'], spiked(490)).map((moment) => ({ ...moment, ts: moment.ts - 86_400_000 }));

    expect(show(watch, earlier).map(({ ts }) => ts)).toContain(earlier[490]!.ts);
  });

  it('puts neighbouring anomalies into one event, and later ones into another', () => {
    const watch = new ItemWatch(rule({ detectors: ['forecast'] }));
    const out = new Map([
      [1_100, 100],
      [1_103, 1_000],
      [1_150, 10_000],
    ]);
    const shown = moments(1_200, ['flow'], (i) => 10 + (out.get(i) ?? noise(i)));
    const found = show(
      watch,
      shown.map((moment) => ({ ...moment, forecasts: [[forecast(1)]] })),
    );

    expect(found.map(({ eventFrom }) => (eventFrom - START) / MINUTE)).toEqual([1_100, 1_100, 1_150]);
  });

  it('says which rule keeps an anomaly from being told', () => {
    const watch = new ItemWatch(rule({ suppress: { direction: 'below' } }));
    const found = show(watch, moments(600, ['flow'], spiked(500)));

    expect(found.find(({ ts }) => ts === START + 500 * MINUTE)!.suppressedBy).toBe('direction');
  });

  it('watches 64 channels and passes over the others', () => {
    const names = Array.from({ length: 70 }, (_, i) => `c${i}`);
    const watch = new ItemWatch(rule({ detectors: ['item'] }));
    show(watch, moments(10, names));

    expect(watch.width).toBe(64);
  });
});

describe('the state of an ItemWatch', () => {
  const awkward: readonly (readonly [string, readonly string[], (i: number, k: number) => number])[] = [
    ['one channel', ['flow'], spiked(250)],
    ['three channels', ['a', 'b', 'c'], spiked(250)],
    ['constant', ['a', 'b'], () => 5],
    ['a step', ['a'], (i) => (i < 150 ? 0 : 1e6)],
    ['huge', ['a', 'b'], (i) => (i % 2 === 0 ? 1e300 : -1e300)],
    ['subnormal', ['a', 'b'], (i) => 5e-324 * (i % 3)],
    ['a channel a million times larger', ['a', 'b'], (i, k) => wave(i) * (k === 0 ? 1 : 1e6)],
  ];

  it.each(awkward)('is the same after a snapshot, and after being shown anew: %s', (_name, channels, value) => {
    const shown = moments(300, channels, value).map((moment, i) => ({
      ...moment,
      // A channel is missing now and then.
      ...(i % 7 === 3 && channels.length > 1 && { channels: channels.slice(1), values: moment.values.slice(1) }),
    }));
    const whole = new ItemWatch(rule());
    const expected = show(whole, shown);

    let broken = new ItemWatch(rule());
    const found = show(broken, shown.slice(0, 100));
    broken = ItemWatch.restore(rule(), broken.snapshot());
    const [kept, journal] = [broken.snapshot(), encodeMoments(shown.slice(100, 200))];
    found.push(...show(broken, shown.slice(100, 200)));
    broken = ItemWatch.restore(rule(), kept);
    show(broken, decodeMoments(journal));
    found.push(...show(broken, shown.slice(200)));

    expect(found).toEqual(expected);
    expect(broken.snapshot()).toEqual(whole.snapshot());
    for (const { score, grade, severity, confidence } of expected) {
      expect([score, grade, severity, confidence].every(Number.isFinite)).toBe(true);
    }
    expect(JSON.stringify(expected)).not.toMatch(/NaN|Infinity/);
  });

  it('gives detectors that are new to the rule a fresh start, and keeps the others', () => {
    const before = new ItemWatch(rule({ detectors: ['channel'] }));
    const shown = moments(400, ['a', 'b']);
    show(before, shown);
    const after = ItemWatch.restore(rule({ detectors: ['channel', 'item'] }), before.snapshot());

    const next = moments(420, ['a', 'b'], spiked(410)).slice(400);
    const byChannel = (anomalies: Anomaly[]) => anomalies.filter(({ channel }) => channel !== undefined);
    expect(byChannel(show(after, next))).toEqual(byChannel(show(before, next)));
  });

  it('begins anew where the snapshot is of another layout', () => {
    expect(ItemWatch.restore(rule(), new Uint8Array(Float64Array.of(99).buffer)).width).toBe(0);
  });
});
