import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeWithShared } from '../../../test/support/shared-folder.js';

import { averagePrecision, labelledSegments, volumeUnderSurface, vusWindow } from './vus.js';

describe('volumeUnderSurface', () => {
  const labels = Uint8Array.of(0, 0, 0, 1, 1, 0, 0, 0, 0, 0);

  it('is 1 in ROC and PR for a perfect score without an edge', () => {
    const { 'VUS-PR': pr, 'VUS-ROC': roc } = volumeUnderSurface(labels, Float64Array.from(labels), 0);

    expect([pr, roc]).toEqual([1, 1]);
  });

  it('gives hand-computed areas at width 0', () => {
    // Best first: a hit, a miss, a hit: precision 1 at recall ½, 2/3 at recall 1.
    const scores = Float64Array.of(0, 0, 0.8, 0.9, 0.7, 0, 0, 0, 0, 0);
    expect(volumeUnderSurface(labels, scores, 0)['VUS-PR']).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
    expect(averagePrecision(labels, scores)).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
  });

  it('forgives a near miss the more the wider the edge is', () => {
    const near = Float64Array.of(0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    const narrow = volumeUnderSurface(labels, near, 0)['VUS-PR'];

    expect(volumeUnderSurface(labels, near, 4)['VUS-PR']).toBeGreaterThan(narrow);
  });

  it('has no value where nothing, or everything, is labelled', () => {
    const scores = Float64Array.of(1, 2, 3);
    expect(volumeUnderSurface(new Uint8Array(3), scores, 2)['VUS-PR']).toBeNaN();
    expect(volumeUnderSurface(new Uint8Array(3).fill(1), scores, 2)['VUS-ROC']).toBeNaN();
    expect(averagePrecision(new Uint8Array(3), scores)).toBeNaN();
  });
});

describe('labelledSegments', () => {
  it('finds runs at both ends', () => {
    expect(labelledSegments(Uint8Array.of(1, 1, 0, 1))).toEqual([
      [0, 1],
      [3, 3],
    ]);
    expect(labelledSegments(new Uint8Array(0))).toEqual([]);
  });
});

describe('vusWindow', () => {
  it('finds the season of a sine and falls back to 125', () => {
    const sine = Float64Array.from({ length: 2000 }, (_, i) => Math.sin((2 * Math.PI * i) / 48));
    expect(vusWindow(sine)).toBe(48);
    expect(vusWindow(new Float64Array(500).fill(3))).toBe(125);
    expect(vusWindow(new Float64Array(0))).toBe(125);
  });
});

describeWithShared('golden/vus', 'VUS, reference package', (golden) => {
  interface Case {
    name: string;
    labels: number[];
    scores: number[];
    slidingWindow: number;
    expected: { 'VUS-ROC': number; 'VUS-PR': number; 'AUC-PR': number };
  }
  const { cases } =
    golden === ''
      ? { cases: [] as Case[] }
      : (JSON.parse(readFileSync(join(golden, 'golden.json'), 'utf8')) as { cases: Case[] });

  it.each(cases.map((one) => [one.name, one] as const))('%s', (_, { labels, scores, slidingWindow, expected }) => {
    const [label, score] = [Uint8Array.from(labels), Float64Array.from(scores)];
    const vus = volumeUnderSurface(label, score, slidingWindow);

    expect(vus['VUS-PR']).toBeCloseTo(expected['VUS-PR'], 9);
    expect(vus['VUS-ROC']).toBeCloseTo(expected['VUS-ROC'], 9);
    expect(averagePrecision(label, score)).toBeCloseTo(expected['AUC-PR'], 9);
  });
  if (cases.length === 0) it('has no cases', () => {});
});
