import { Frequency, isTimeZone } from './frequency.js';

const at = (text: string) => Date.parse(text);
const freq = (text: string) => Frequency.parse(text)!;

describe('Frequency.parse', () => {
  it.each([
    ['PT1H', 'PT1H'],
    ['PT60M', 'PT1H'],
    ['PT90S', 'PT90S'],
    ['PT0.5S', 'PT0.5S'],
    ['P7D', 'P1W'],
    ['P12M', 'P1Y'],
    ['P3M', 'P3M'],
    ['PT24H', 'PT24H'],
  ])('takes %s as %s', (text, shortest) => {
    expect(freq(text).toString()).toBe(shortest);
  });

  it.each([
    '',
    'P',
    'PT',
    'P0D',
    'PT0S',
    'P1DT6H',
    'P1M1D',
    '1H',
    'pt1h',
    'P-1D',
    'P1.5D',
    'PT1H ',
    'P99999999999999999999D',
    'P11Y',
    'P100Y',
  ])('refuses %j', (text) => {
    expect(Frequency.parse(text)).toBeUndefined();
  });
});

describe('Frequency.infer', () => {
  it('has no answer for fewer than two distinct times', () => {
    expect(Frequency.infer([])).toBeUndefined();
    expect(Frequency.infer([5])).toBeUndefined();
    expect(Frequency.infer([5, 5, 5])).toBeUndefined();
  });

  it('takes a silence of more than ten years for no spacing', () => {
    expect(Frequency.infer([0, 4_000 * 86_400_000])).toBeUndefined();
  });

  it('sees through jitter', () => {
    expect(Frequency.infer([0, 60_300, 119_800, 180_100])?.toString()).toBe('PT1M');
  });

  it('takes the shorter spacing when gaps are as frequent as points', () => {
    expect(Frequency.infer([0, 3_600_000, 10_800_000])?.toString()).toBe('PT1H');
  });

  it('knows days across a change of daylight saving time', () => {
    const midnightsInBerlin = ['2026-03-28T23:00Z', '2026-03-29T22:00Z', '2026-03-30T22:00Z'].map(at);
    expect(Frequency.infer(midnightsInBerlin)?.toString()).toBe('P1D');
  });

  it.each([
    ['P1M', ['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30']],
    ['P3M', ['2026-01-01', '2026-04-01', '2026-07-01']],
    ['P1Y', ['2023-01-01', '2024-01-01', '2025-01-01']],
    ['P1W', ['2026-01-05', '2026-01-12', '2026-01-19']],
    ['P2D', ['2026-01-05', '2026-01-07', '2026-01-09']],
  ])('knows %s', (expected, times) => {
    expect(Frequency.infer(times.map(at))?.toString()).toBe(expected);
  });

  it('keeps an unusual spacing to the second', () => {
    expect(Frequency.infer([0, 7_100, 14_000, 21_050])?.toString()).toBe('PT7S');
  });

  it('keeps milliseconds below a second', () => {
    expect(Frequency.infer([0, 250, 500])?.toString()).toBe('PT0.25S');
  });
});

describe('Frequency.addTo', () => {
  it('keeps the local hour of a daily series when the clocks change', () => {
    const cutoff = at('2026-03-28T23:00Z'); // midnight in Berlin, the day before the clocks go forward

    expect(freq('P1D').addTo(cutoff, 1, 'Europe/Berlin')).toBe(at('2026-03-29T22:00Z'));
    expect(freq('P1D').addTo(cutoff, 1)).toBe(at('2026-03-29T23:00Z'));
  });

  it('lets hours run through the change', () => {
    expect(freq('PT1H').addTo(at('2026-10-25T00:00Z'), 3, 'Europe/Berlin')).toBe(at('2026-10-25T03:00Z'));
  });

  it('clamps month ends, counted from the cutoff and not from step to step', () => {
    const steps = [1, 2, 3].map((step) => freq('P1M').addTo(at('2026-01-31T00:00Z'), step));

    expect(steps).toEqual([at('2026-02-28T00:00Z'), at('2026-03-31T00:00Z'), at('2026-04-30T00:00Z')]);
  });
});

describe('Frequency.stepsBetween', () => {
  it('is the inverse of addTo over a leap year of days in a zone with daylight saving time', () => {
    const anchor = at('2024-12-31T23:00Z');
    for (let step = -400; step <= 400; step++) {
      const ts = freq('P1D').addTo(anchor, step, 'Europe/Berlin');
      expect(freq('P1D').stepsBetween(anchor, ts, 'Europe/Berlin')).toBe(step);
    }
  });

  it('is the inverse of addTo over month ends', () => {
    const anchor = at('2026-03-31T00:00Z');
    for (let step = -60; step <= 60; step++) {
      expect(freq('P1M').stepsBetween(anchor, freq('P1M').addTo(anchor, step))).toBe(step);
    }
  });

  it('tolerates local midnights that were stored without their zone', () => {
    expect(freq('P1D').stepsBetween(at('2026-03-31T22:00Z'), at('2026-03-27T23:00Z'))).toBe(-4);
  });

  it('takes the nearest slot', () => {
    expect(freq('PT1H').stepsBetween(0, 3_600_000 + 1_000)).toBe(1);
    expect(freq('PT1H').stepsBetween(0, -3_600_000 - 1_000)).toBe(-1);
  });
});

describe('Frequency.anchor', () => {
  it('keeps the phase of a series that is regular off the full hour', () => {
    expect(freq('PT1H').anchor([300_000, 3_900_000, 7_500_000])).toBe(7_500_000);
  });

  it('falls back to multiples of the step where every point jitters', () => {
    expect(freq('PT1M').anchor([60_700, 119_400, 180_300])).toBe(180_000);
  });

  it('ignores the odd late point', () => {
    expect(freq('PT1M').anchor([0, 60_000, 120_000, 183_000])).toBe(180_000);
  });
});

describe('Frequency.seasonCandidates', () => {
  it.each([
    ['PT1S', [60 * 60].filter((n) => n <= 384)],
    ['PT1M', [60]],
    ['PT5M', [12, 288]],
    ['PT10M', [6, 144]],
    ['PT15M', [4, 96]],
    ['PT30M', [2, 48, 336]],
    ['PT1H', [24, 168]],
    ['P1D', [7, 365]],
    ['P1W', [52]],
    ['P1M', [12]],
    ['P3M', [4]],
    ['P1Y', []],
    ['PT7M', []],
  ])('of %s are %j', (text, expected) => {
    expect(freq(text).seasonCandidates()).toEqual(expected);
  });
});

describe('isTimeZone', () => {
  it('knows the IANA zones only', () => {
    expect(isTimeZone('Europe/Berlin')).toBe(true);
    expect(isTimeZone('Mars/Olympus')).toBe(false);
  });
});
