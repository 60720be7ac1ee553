import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@app/observability';
import { CANONICAL_LEVELS, Frequency, fitScaler, normalQuantile, type QuantileForecast } from '@app/series';
import {
  TINY_CONTEXT,
  TINY_SHARE,
  TINY_SPREAD,
  TINY_STEPS,
  writeEveryPackage,
} from '../../../test/support/tiny-packages.js';
import { expectSane } from './fixtures/expect-sane.js';
import { aWindow, gaussian, series } from './fixtures/series.js';
import { ForecasterCatalogue } from './forecaster-catalogue.js';

const WIDTH = CANONICAL_LEVELS.length;
const HOUR = 3_600_000;
/** Eleven packages are proven, on a machine that may be busy. */
const TIMEOUT_MS = 60_000;
const noise = gaussian(7);
const flow = aWindow(series(200, (t) => 50 + Math.sin(t)));
const temp = aWindow(
  series(200, (t) => -5 + 0.1 * t + noise()),
  { channel: 'temp' },
);

const at = ({ quantiles }: QuantileForecast, step: number, level: number) =>
  quantiles[(step - 1) * WIDTH + CANONICAL_LEVELS.indexOf(level)]!;
const width = (forecast: QuantileForecast, step: number) => at(forecast, step, 0.9) - at(forecast, step, 0.1);
/** Of the points that the tiny networks see. */
const scalerOf = (target: Float64Array) => fitScaler(target.subarray(Math.max(0, target.length - TINY_CONTEXT)));
const lastZ = (target: Float64Array) => {
  const { loc, scale } = scalerOf(target);
  return (target.at(-1)! - loc) / scale;
};

describe('packages of every family', () => {
  let folder: string;
  let names: string[];
  let catalogue: ForecasterCatalogue;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-families-'));
    names = writeEveryPackage(folder);
    catalogue = await ForecasterCatalogue.load({
      env: { MODELS_DIR: folder, PROVIDER: 'cpu', PROVIDER_STRICT: false, INFERENCE_THREADS: 1 },
      logger: silentLogger(),
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await catalogue.close();
    rmSync(folder, { recursive: true });
  });

  it('are all served, and told apart by their channels', () => {
    const packages = catalogue.describe().filter(({ kind }) => kind === 'neural');
    expect(packages.filter(({ state }) => state === 'refused')).toEqual([]);
    expect(packages.map(({ name }) => name)).toEqual([...names].sort());
    expect(packages.find(({ name }) => name === 's-mamba/pump')).toMatchObject({
      channelPolicy: 'mixing',
      channels: ['temp', 'flow', 'absent'],
    });
  });

  it.each(['ttm', 'tsmixer', 's-mamba', 'time-moe'])('%s is an alias', (family) => {
    expect(catalogue.resolve(family).name).toMatch(new RegExp(`^${family}/`));
  });

  it.each(['ttm/tiny', 'tsmixer/tiny', 'time-moe/tiny'])('%s forecasts each series on its own', async (name) => {
    const [alone] = await catalogue.resolve(name).forecast([flow], 12);
    const [beside] = await catalogue.resolve(name).forecast([flow, temp], 12);
    expect(beside).toEqual(alone);
    const { scale } = scalerOf(flow.target);
    expect(at(alone!, 4, 0.5)).toBeCloseTo(flow.target.at(-1)!, 4);
    expect(at(alone!, 4, 0.9)).toBeCloseTo(flow.target.at(-1)! + scale * 2 * TINY_SPREAD * normalQuantile(0.9), 4);
  });

  describe.each(['s-mamba/tiny', 'tsmixer/aligned'])('%s', (name) => {
    it('forecasts the channels of an item together', async () => {
      const forecasts = await catalogue.resolve(name).forecast([flow, temp], 12);
      const shared = (TINY_SHARE * (lastZ(flow.target) + lastZ(temp.target))) / 2;
      for (const [i, { target }] of [flow, temp].entries()) {
        const { loc, scale } = scalerOf(target);
        expect(at(forecasts[i]!, 4, 0.5)).toBeCloseTo(loc + scale * (lastZ(target) + shared), 4);
        expect(at(forecasts[i]!, 4, 0.9)).toBeCloseTo(
          loc + scale * (lastZ(target) + shared + 2 * TINY_SPREAD * normalQuantile(0.9)),
          4,
        );
        expect(forecasts[i]!.parts.jointChannels).toEqual({ together: 2 });
      }
    });

    it('gives one channel the same numbers when the others only help', async () => {
      const together = await catalogue.resolve(name).forecast([temp, flow], 60);
      const helped = await catalogue.resolve(name).forecast([flow], 60, [temp]);
      expect(helped).toEqual([together[1]]);
    });

    it('keeps items apart, whatever else is asked for', async () => {
      const others = Array.from({ length: 30 }, (_, i) => [
        aWindow(
          series(100, (t) => Math.cos(t * i)),
          { itemId: `item-${i}` },
        ),
        aWindow(
          series(90, (t) => t * i),
          { itemId: `item-${i}`, channel: 'temp' },
        ),
      ]).flat();
      const forecasts = await catalogue.resolve(name).forecast([...others, flow, temp], 12);
      const alone = await catalogue.resolve(name).forecast([flow, temp], 12);
      expect(forecasts.slice(-2)).toEqual(alone);
      expect(forecasts.map(({ itemId, channel }) => [itemId, channel])).toEqual(
        [...others, flow, temp].map(({ itemId, channel }) => [itemId, channel]),
      );
    });

    it('does without a channel of which nothing was observed', async () => {
      const silent = aWindow([Number.NaN, Number.NaN], { channel: 'silent' });
      const [forecast] = await catalogue.resolve(name).forecast([flow], 12, [silent]);
      const [alone] = await catalogue.resolve(name).forecast([flow], 12);
      expect(forecast!.quantiles).toEqual(alone!.quantiles);
      expect(forecast!.parts.jointChannels).toEqual({
        together: 1,
        leftOut: { silent: 'it has no observed point there' },
      });
      await expect(catalogue.resolve(name).forecast([flow, silent], 12)).rejects.toMatchObject({
        code: 'NO_OBSERVATIONS',
        details: { channel: 'silent' },
      });
    });

    it('widens when it is rolled', async () => {
      const [forecast] = await catalogue.resolve(name).forecast([flow, temp], 4 * TINY_STEPS);
      expectSane(forecast!.quantiles, flow.target);
      expect(width(forecast!, 4 * TINY_STEPS)).toBeGreaterThan(1.5 * width(forecast!, TINY_STEPS));
    });
  });

  describe('s-mamba/pump, made for temp, flow and a channel that there is not', () => {
    it('takes what there is in its own order', async () => {
      const forecasts = await catalogue.resolve('s-mamba/pump').forecast([flow, temp], 2 * TINY_STEPS);
      expect(forecasts.map(({ channel }) => channel)).toEqual(['flow', 'temp']);
      const shared = (TINY_SHARE * (lastZ(flow.target) + lastZ(temp.target))) / 3;
      const { loc, scale } = scalerOf(flow.target);
      expect(at(forecasts[0]!, 1, 0.5)).toBeCloseTo(loc + scale * (lastZ(flow.target) + shared), 4);
      expect(forecasts[0]!.parts.jointChannels).toEqual({ together: 2, leftOut: { absent: 'there is none' } });
      expectSane(forecasts[0]!.quantiles, flow.target);
    });

    it('refuses a channel that it was not made for', async () => {
      const pressure = aWindow([1, 2, 3], { channel: 'pressure' });
      await expect(catalogue.resolve('s-mamba/pump').forecast([pressure], 1)).rejects.toMatchObject({
        code: 'CHANNEL_NOT_IN_MODEL',
        message: expect.stringContaining('temp, flow, absent'),
      });
    });
  });

  describe.each(['ttm/official', 'ttm/resolution', 'patchtsmixer/official', 's-mamba/official', 'time-moe/official'])(
    '%s, which gives points',
    (name) => {
      let sum = 0;
      const walk = aWindow(series(400, () => (sum += noise())));

      it('has intervals as wide as its own errors were', async () => {
        const [forecast] = await catalogue.resolve(name).forecast([walk], TINY_STEPS);
        expectSane(forecast!.quantiles, walk.target);
        expect(forecast!.parts.intervals).toMatchObject({ forecasts: expect.any(Number) });
        // A random walk: ±1.28 √step, within what a few earlier forecasts can tell.
        for (const step of [1, 12, 24]) {
          const ratio = width(forecast!, step) / (2 * 1.2816 * Math.sqrt(step));
          expect(ratio).toBeGreaterThan(0.3);
          expect(ratio).toBeLessThan(4);
        }
        expect(width(forecast!, 24)).toBeGreaterThan(width(forecast!, 1));
      });

      it('says that it assumes where there is nothing to look back on', async () => {
        const [forecast] = await catalogue.resolve(name).forecast([aWindow([3, 5])], 30);
        expect(forecast!.parts.intervals).toEqual({ from: expect.stringContaining('the spread of the series') });
        expect(width(forecast!, 1)).toBeGreaterThan(1);
        expectSane(forecast!.quantiles, Float64Array.of(3, 5));
      });

      it('gives the last value, at any horizon', async () => {
        const target = series(300, (t) => Math.sin(t) + 7);
        const [forecast] = await catalogue.resolve(name).forecast([aWindow(target)], 3 * TINY_STEPS);
        expectSane(forecast!.quantiles, target);
        if (name !== 's-mamba/official') expect(at(forecast!, 3, 0.5)).toBeCloseTo(target.at(-1)!, 4);
      });
    },
  );

  it('fills gaps where a network knows of none', async () => {
    const target = series(120, (t) => (t % 5 === 0 && t > 0 ? Number.NaN : 100 + Math.sin(t)));
    for (const name of ['s-mamba/official', 'time-moe/official']) {
      const [forecast] = await catalogue.resolve(name).forecast([aWindow(target)], 4);
      expect(Math.abs(at(forecast!, 1, 0.5) - target.at(-1)!)).toBeLessThan(2);
    }
  });

  it('aligns channels that end at different times', async () => {
    const late = aWindow(temp.target.subarray(0, 197), { channel: 'temp', cutoff: flow.cutoff - 3 * HOUR });
    const [ahead, behind] = await catalogue.resolve('s-mamba/tiny').forecast([flow, late], 5);
    expect([ahead!.cutoff, behind!.cutoff]).toEqual([flow.cutoff, late.cutoff]);
    // Three hours ago flow was three points shorter: the one that is behind sees no further than it could.
    const then = aWindow(flow.target.subarray(0, 197), { cutoff: late.cutoff });
    const [, expected] = await catalogue.resolve('s-mamba/tiny').forecast([then, late], 5);
    expect(behind!.quantiles).toEqual(expected!.quantiles);
  });

  it('does not mix channels of different spacing', async () => {
    const daily = aWindow(temp.target, { channel: 'temp', freq: Frequency.parse('P1D')! });
    const [forecast] = await catalogue.resolve('s-mamba/tiny').forecast([flow], 5, [daily]);
    expect(forecast!.parts.jointChannels).toEqual({ together: 1, leftOut: { temp: 'its points are P1D apart' } });
  });
});
