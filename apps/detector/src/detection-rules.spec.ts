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
              calendar: [{ name: 'release', from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00+01:00' }],
            },
            align: { every: 'PT1M', wait_rows: 4, fill: 'PT5M' },
          },
        ]),
      ),
    ).of('x');

    expect(rule).toMatchObject({
      budget: { alerts: 2, periodMs: DAY, over: 'selector' },
      suppress: { minimumDurationMs: 300_000, calendar: [{ from: 1767225600000, to: 1767225600000 }] },
      alignment: { everyMs: 60_000, waitRows: 4, fillMs: 300_000 },
    });
  });

  it.each([
    ['{', /DETECTION_RULES .*rules\.json: .*JSON/],
    ['[{"name": "a"}, {"name": "a"}]', /two rules have one name/],
    ['[{"name": "a", "detector": []}]', /detector/],
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
