import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DETECTORS, DetectionRules } from './detection-rules.js';

const DAY = 86_400_000;

function fileWith(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'tidecast-rules-')), 'rules.json');
  writeFileSync(file, text);
  return file;
}

function calendarOf(event: object): string {
  return JSON.stringify([{ name: 'a', suppress: { calendar: [{ name: 'b', ...event }] } }]);
}

describe('DetectionRules', () => {
  it('has a default for everything', () => {
    const rule = DetectionRules.load(undefined).of('anything');

    expect([...rule.detectors]).toEqual([...DETECTORS]);
    expect(rule).toMatchObject({
      name: 'default',
      budget: { alerts: 7, periodMs: 7 * DAY, over: 'item' },
      suppress: {},
    });
    expect(rule.alignment).toEqual({ everyMs: 1, waitRows: 2, fillMs: 0 });
  });

  it('takes the first rule that names an item, * standing for any text', () => {
    const rules = DetectionRules.parse([
      { name: 'one', item_ids: ['pump-7', 'a.c'] },
      { name: 'pumps', item_ids: ['pump-*'] },
    ]);

    expect(['pump-7', 'a.c', 'abc', 'pump-70', 'my pump-7'].map((id) => rules.of(id).name)).toEqual([
      'one',
      'one',
      'default',
      'pumps',
      'default',
    ]);
  });

  it('selects by what the series of an item carry, and by both where both are given', () => {
    const rules = DetectionRules.parse([
      { name: 'north pumps', item_ids: ['pump-*'], labels: { site: 'north', kind: 'flow' } },
      { name: 'north', labels: { site: 'north' } },
    ]);
    const [north, flow] = [{ site: 'north' }, { site: 'north', kind: 'flow', floor: '2' }];

    expect(rules.byLabels).toBe(true);
    expect(rules.of('pump-1', [{}, flow]).name).toBe('north pumps');
    // No single series carries both.
    expect(rules.of('pump-1', [north, { kind: 'flow' }]).name).toBe('north');
    expect(rules.of('fan-1', [flow]).name).toBe('north');
    expect(rules.of('pump-1', [{ site: 'south' }]).name).toBe('default');
    expect(rules.of('pump-1').name).toBe('default');
    expect(DetectionRules.parse([{ name: 'a', item_ids: ['x'] }]).byLabels).toBe(false);
  });

  it('knows events that come again, by the wall clock of a time zone', () => {
    const { calendar } = DetectionRules.parse([
      {
        name: 'a',
        suppress: {
          calendar: [{ name: 'maintenance', cron: '0 2 * * SUN', time_zone: 'Europe/Berlin', duration: 'PT4H' }],
        },
      },
    ]).of('x').suppress;
    const covered = (time: string) => calendar!.some((event) => event.covers(Date.parse(time)));

    // In summer two o'clock is 00:00 UTC, in winter 01:00.
    expect(
      ['2026-07-04T23:59:59.999Z', '2026-07-05T00:00:00Z', '2026-07-05T03:59:59Z', '2026-07-05T04:00:00Z'].map(covered),
    ).toEqual([false, true, true, false]);
    expect(['2026-01-11T00:59:59Z', '2026-01-11T01:00:00Z', '2026-01-11T05:00:00Z'].map(covered)).toEqual([
      false,
      true,
      false,
    ]);
    // Backwards, as a clock may be set, and on other days.
    expect(['2026-07-05T01:00:00Z', '2026-07-06T01:00:00Z', '2025-07-06T01:00:00Z'].map(covered)).toEqual([
      true,
      false,
      true,
    ]);
    // The night in which two o'clock does not exist: it begins at the change.
    expect(['2026-03-29T00:59:00Z', '2026-03-29T01:30:00Z', '2026-03-29T05:00:00Z'].map(covered)).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('reads every setting of a rule', () => {
    const rule = DetectionRules.load(
      fileWith(
        JSON.stringify([
          {
            name: 'all',
            detectors: ['channel'],
            budget: { alerts: 2, period: 'P1D', over: 'selector' },
            suppress: {
              absolute: 1,
              relative: 0.1,
              direction: 'above',
              minimum_duration: 'PT5M',
              calendar: [{ name: 'release', from: '2026-01-01T00:00:00Z', to: '2026-01-01T02:00:00+01:00' }],
            },
            align: { every: 'PT1M', wait_rows: 4, fill: 'PT5M' },
          },
        ]),
      ),
    ).of('x');

    expect(rule).toMatchObject({
      budget: { alerts: 2, periodMs: DAY, over: 'selector' },
      suppress: { minimumDurationMs: 300_000, calendar: [{ name: 'release' }] },
      alignment: { everyMs: 60_000, waitRows: 4, fillMs: 300_000 },
    });
    const [release] = rule.suppress.calendar!;
    const start = Date.UTC(2026, 0, 1);
    expect([start - 1, start, start + 3_599_999, start + 3_600_000].map((ts) => release!.covers(ts))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it.each([
    ['{', /DETECTION_RULES .*rules\.json: .*JSON/],
    ['[{"name": "a"}, {"name": "a"}]', /two rules have one name/],
    ['[{"name": "a", "detector": []}]', /detector/],
    ['[{"name": "a", "labels": {"site": 7}}]', /expected string[\s\S]*labels\.site/],
    [
      calendarOf({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00+01:00' }),
      /ends before it begins[\s\S]*calendar\[0\]/,
    ],
    [calendarOf({ from: '2026-01-01T00:00:00Z' }), /calendar\[0\]\.to/],
    [calendarOf({ cron: '0 25 * * *', duration: 'PT1H' }), /"0 25 \* \* \*" can't be kept[\s\S]*calendar\[0\]/],
    [calendarOf({ cron: '0 2 * * *', duration: 'PT1H', time_zone: 'Berlin' }), /no time zone "Berlin"/],
    [
      calendarOf({ cron: '0 2 * * *', duration: 'soon' }),
      /"soon" is no ISO-8601 duration[\s\S]*calendar\[0\]\.duration/,
    ],
    ['[{"name": "a", "budget": {"alerts": 0, "period": "soon"}}]', /alerts[\s\S]*"soon" is no ISO-8601 duration/],
  ])('refuses %s, naming what is wrong', (text, message) => {
    expect(() => DetectionRules.load(fileWith(text))).toThrow(message);
  });

  it('names a file that is not there', () => {
    expect(() => DetectionRules.load('/nowhere/rules.json')).toThrow(
      /DETECTION_RULES \/nowhere\/rules\.json: .*ENOENT/,
    );
  });
});
