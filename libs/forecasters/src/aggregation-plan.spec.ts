import { CANONICAL_LEVELS } from '@app/series';
import { averageWeights, countCrossings, leadBucket } from '@app/uncertainty';
import { combine, trialLoss, type Candidate } from './aggregation-plan.js';

const WIDTH = CANONICAL_LEVELS.length;
/** Steps of a uniform distribution on [centre − ½, centre + ½]. */
const around = (centre: number, steps: number) =>
  Float64Array.from({ length: steps * WIDTH }, (_, i) => centre + CANONICAL_LEVELS[i % WIDTH]! - 0.5);
const candidate = (model: string, centre: number, trialCentre?: number): Candidate => ({
  model,
  quantiles: around(centre, 4),
  ...(trialCentre !== undefined && { trial: around(trialCentre, 12) }),
});
const ZEROS = new Float64Array(12);

describe('combine', () => {
  it('without a trial counts networks alike, and what has to earn its weight a twentieth of all of them', () => {
    const heard = [candidate('a', 0), candidate('b', 1), candidate('mstl', 7), candidate('a:last-128', 8)];
    const { plan, served } = combine(heard, undefined);
    expect(plan.weights).toEqual({ from: 'prior' });
    expect(plan.models['a']).toBeCloseTo(0.5 / 1.1, 12);
    expect(plan.models['mstl']).toBeCloseTo(0.05 / 1.1, 12);
    // The weighted mean of 0, 1, 7 and 8.
    expect(served[6]).toBeCloseTo((0.5 + 0.35 + 0.4) / 1.1, 12);
  });

  it('never gives seasonal naive a weight', () => {
    const { plan, served } = combine([candidate('a', 0, 3), candidate('seasonal-naive', 9, 0)], ZEROS);
    expect(plan.models).toEqual({ a: 1 });
    expect(served[6]).toBe(0);
  });

  it('by hand: a model that lost half as much again in the trial has e⁻⁴ of the weight', () => {
    const [right, wrong] = [around(0, 12), around(1, 12)];
    const losses = [trialLoss(right, ZEROS), trialLoss(wrong, ZEROS)];
    const { plan } = combine([candidate('a', 0, 0), candidate('b', 1, 1)], ZEROS);
    expect(plan.weights).toEqual({ from: 'trial' });
    const odds = Math.exp(-8 * (losses[1]! / losses[0]! - 1));
    expect(plan.models['b']! / plan.models['a']!).toBeCloseTo(Math.max(odds, Math.exp(-30)), 12);
  });

  it('begins a trial at the weights of the group, where there are some', () => {
    const group = { version: 7, weights: { ...averageWeights(['a', 'b']), logits: [Math.log(4), 0] } };
    const { plan } = combine([candidate('a', 0, 0), candidate('b', 1, 0)], ZEROS, { group });
    expect(plan.weights).toEqual({ from: 'trial', group: 7 });
    expect(plan.models['a']).toBeCloseTo(0.8, 12);
    const alone = combine([candidate('a', 0), candidate('b', 1)], undefined, { group });
    expect(alone.plan.weights).toEqual({ from: 'prior', group: 7 });
  });

  it('leaves a model that had no trial its prior', () => {
    const { plan } = combine([candidate('a', 0, 0), candidate('b', 1)], ZEROS);
    expect(plan.models['a']).toBeCloseTo(0.5, 12);
  });

  it('takes the weights of the scorecard where they are for these models, and otherwise those of the trial', () => {
    const candidates = [candidate('a', 0, 3), candidate('b', 1, 0)];
    const weights = { version: 4, weights: { ...averageWeights(['a', 'b']), logits: [Math.log(3), 0] } };
    expect(combine(candidates, ZEROS, { weights }).plan).toMatchObject({
      models: { a: expect.closeTo(0.75, 12), b: expect.closeTo(0.25, 12) },
      weights: { from: 'scorecard', version: 4 },
    });
    // A network that nobody has weighed yet; and one that had too much of the weight to do without.
    const of = { version: 4, weights: averageWeights(['a', 'c']) };
    expect(combine(candidates, ZEROS, { weights: of }).plan.weights).toEqual({ from: 'trial' });
    const more = { version: 4, weights: averageWeights(['a', 'b', 'c']) };
    expect(combine(candidates, ZEROS, { weights: more }).plan.weights).toEqual({ from: 'trial' });
  });

  it('divides what learnt weights give to a model that is not heard now among the others', () => {
    const weights = {
      version: 4,
      weights: { ...averageWeights(['a', 'b', 'mstl']), logits: [Math.log(6), Math.log(3), 0] },
    };
    const { plan } = combine([candidate('a', 0), candidate('b', 1)], undefined, { weights });
    expect(plan.models).toEqual({ a: expect.closeTo(2 / 3, 12), b: expect.closeTo(1 / 3, 12) });
  });

  it('calibrates each lead by its bucket, and says by which version', () => {
    const offsets = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
    const buckets = { [leadBucket(2)]: { scores: 200, offsets, missTargets: [] } };
    const { raw, served, plan } = combine([candidate('a', 0)], undefined, {
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

  it('serves the champion of the series alone, where there is one', () => {
    const champion = { version: 3, model: 'seasonal-naive', reason: 'aggregate loses' };
    const candidates = [candidate('a', 0, 0), candidate('seasonal-naive', 7, 0)];
    const { served, plan } = combine(candidates, ZEROS, { champion });
    expect([...served]).toEqual([...around(7, 4)]);
    expect(plan).toMatchObject({ models: { 'seasonal-naive': 1 }, champion });
    expect(combine(candidates, ZEROS, { champion: { ...champion, model: 'gone' } }).plan.champion).toBeUndefined();
  });

  it('never lets a crossing out', () => {
    const bent = around(0, 4).map((value, i) => value * (i % 2 ? 1 : -1));
    const candidates = [{ ...candidate('a', 0), quantiles: bent }, candidate('b', 1)];
    expect(countCrossings(combine(candidates, undefined).served, WIDTH)).toBe(0);
  });
});
