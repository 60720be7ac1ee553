import { CANONICAL_LEVELS } from '@app/series';
import { averageWeights, countCrossings, leadBucket } from '@app/uncertainty';
import { combine, trialLoss, type Candidate } from './aggregation-plan.js';

const WIDTH = CANONICAL_LEVELS.length;
/** Steps of a uniform distribution on [centre − ½, centre + ½]. */
const around = (centre: number, steps: number) =>
  Float64Array.from({ length: steps * WIDTH }, (_, i) => centre + CANONICAL_LEVELS[i % WIDTH]! - 0.5);
const candidate = (model: string, kind: Candidate['kind'], centre: number, trialCentre?: number): Candidate => ({
  model,
  kind,
  quantiles: around(centre, 4),
  ...(trialCentre !== undefined && { trial: around(trialCentre, 12) }),
});
const ZEROS = new Float64Array(12);

describe('combine', () => {
  it('without a trial counts networks alike and a baseline a tenth of one', () => {
    const { plan, served } = combine(
      [candidate('a', 'network', 0), candidate('b', 'network', 1), candidate('naive', 'baseline', 7)],
      undefined,
    );
    expect(plan.weights).toEqual({ from: 'prior' });
    expect(plan.models['a']).toBeCloseTo(1 / 2.1, 12);
    expect(plan.models['naive']).toBeCloseTo(0.1 / 2.1, 12);
    // The weighted mean of 0, 1 and 7.
    expect(served[6]).toBeCloseTo(1.7 / 2.1, 12);
  });

  it('by hand: a model that lost twice as much in the trial has e⁻⁴ of the weight', () => {
    const [right, wrong] = [around(0, 12), around(3, 12)];
    const losses = [trialLoss(right, ZEROS), trialLoss(wrong, ZEROS)];
    const { plan } = combine([candidate('a', 'network', 0, 0), candidate('b', 'network', 1, 3)], ZEROS);
    expect(plan.weights).toEqual({ from: 'trial' });
    const odds = Math.exp(-4 * (losses[1]! / losses[0]! - 1));
    expect(plan.models['b']! / plan.models['a']!).toBeCloseTo(Math.max(odds, Math.exp(-30)), 12);
  });

  it('leaves a model that had no trial its prior', () => {
    const { plan } = combine([candidate('a', 'network', 0, 0), candidate('b', 'network', 1)], ZEROS);
    expect(plan.models['a']).toBeCloseTo(0.5, 12);
  });

  it('takes the weights of the scorecard where they are for these models, and otherwise those of the trial', () => {
    const candidates = [candidate('a', 'network', 0, 3), candidate('b', 'network', 1, 0)];
    const weights = { version: 4, weights: { ...averageWeights(['a', 'b']), logits: [Math.log(3), 0] } };
    expect(combine(candidates, ZEROS, { weights }).plan).toMatchObject({
      models: { a: expect.closeTo(0.75, 12), b: expect.closeTo(0.25, 12) },
      weights: { from: 'scorecard', version: 4 },
    });
    const of = { version: 4, weights: averageWeights(['a', 'c']) };
    expect(combine(candidates, ZEROS, { weights: of }).plan.weights).toEqual({ from: 'trial' });
  });

  it('calibrates each lead by its bucket, and says by which version', () => {
    const offsets = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
    const buckets = { [leadBucket(2)]: { scores: 200, offsets, missTargets: [] } };
    const { raw, served, plan } = combine([candidate('a', 'network', 0)], undefined, {
      calibration: { version: 2, buckets },
    });
    expect(plan.calibration).toEqual({ from: 'scorecard', version: 2, scores: 200 });
    const width = (quantiles: Float64Array, step: number) =>
      quantiles[(step - 1) * WIDTH + 10]! - quantiles[(step - 1) * WIDTH + 2]!;
    // Half a width of the 80 % interval at either end doubles it.
    expect([1, 2, 3, 4].map((step) => width(served, step) / width(raw, step))).toEqual([
      1,
      expect.closeTo(2, 12),
      expect.closeTo(2, 12),
      1,
    ]);
  });

  it('calibrates a little by a long trial, and not at all by a short one', () => {
    const actual = Float64Array.from({ length: 96 }, (_, i) => (i % 2 ? 2 : -2));
    const long = { ...candidate('a', 'network', 0), trial: around(0, 96) };
    const { plan, raw, served } = combine([long], actual);
    expect(plan.calibration).toEqual({ from: 'trial', scores: 96 });
    expect(served[12]!).toBeGreaterThan(raw[12]!);
    expect(combine([candidate('a', 'network', 0, 0)], ZEROS).plan.calibration).toEqual({ from: 'none', scores: 12 });
  });

  it('serves the champion of the series alone, where there is one', () => {
    const champion = { version: 3, model: 'naive', reason: 'aggregate loses' };
    const candidates = [candidate('a', 'network', 0, 0), candidate('naive', 'baseline', 7, 0)];
    const { served, plan } = combine(candidates, ZEROS, { champion });
    expect([...served]).toEqual([...around(7, 4)]);
    expect(plan).toMatchObject({ models: { naive: 1 }, champion });
    expect(combine(candidates, ZEROS, { champion: { ...champion, model: 'gone' } }).plan.champion).toBeUndefined();
  });

  it('never lets a crossing out', () => {
    const bent = around(0, 4).map((value, i) => value * (i % 2 ? 1 : -1));
    const candidates = [{ ...candidate('a', 'network', 0), quantiles: bent }, candidate('b', 'network', 1)];
    expect(countCrossings(combine(candidates, undefined).served, WIDTH)).toBe(0);
  });
});
