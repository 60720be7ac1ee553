import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { storedKey } from '../support/api-keys.js';
import { describeWithBrowser, type OpenPage } from '../support/browser.js';
import { HOSTILE, LAST, storePageWorld } from '../support/page-world.js';
import { eventually } from '../support/processes.js';
import { RestProcess, useRestProcess, type Json } from '../support/rest-process.js';
import { AWKWARD, HOUR } from '../support/rest-series.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const PHONE = { viewport: { width: 360, height: 740 } };
const PLACES = ['#/', '#/items/pump-7/flow', '#/jobs', '#/models', '#/streams', '#/try'];

const rest = useRestProcess(storePageWorld, { ingest: true });
const itemHash = (itemId: string) => `#/items/${encodeURIComponent(itemId)}`;

/** Turns to a place and waits until it shows what it has. */
async function turnTo({ page }: OpenPage, hash: string): Promise<void> {
  await page.goto(`${rest().url}/${hash}`);
  await page.locator('main h1').waitFor();
  await page.waitForLoadState('load');
}

/** Pixels of the chart that have been drawn. */
function drawnPixels(page: Page): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.chart canvas')!;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((byte, i) => i % 4 === 3 && byte > 0).length;
  });
}

describeWithBrowser('the page', (open) => {
  it('lists items with how fresh they are, and finds them as one types', async () => {
    const tab = await open();
    await turnTo(tab, '#/');
    await tab.page.getByText('pump-7', { exact: true }).waitFor();

    expect(await tab.page.locator('.items li').count()).toBe(3 + HOSTILE.length);
    await tab.page.getByPlaceholder('Search items').fill('pump');
    await eventually(async () => (await tab.page.locator('.items li').count()) === 2);
    expect(await tab.page.locator('.summary').textContent()).toMatch(/^2 items \(2 silent\), 3 series/);
    await tab.page.getByPlaceholder('Search items').fill('100%_');
    await tab.page.getByText('Nothing has “100%_”').waitFor();
    expect(tab.faults).toEqual([]);
  });

  it('shows what comes in, without being asked', async () => {
    const tab = await open();
    await turnTo(tab, '#/');
    await tab.page.getByText('live', { exact: true }).waitFor();
    const ts = new Date().toISOString();
    await rest().post('/observations', { item_id: 'just-born', ts, values: { flow: 1.5 } });

    await tab.page.getByText('just-born', { exact: true }).waitFor();
    expect(tab.faults).toEqual([]);
  });

  it('forecasts an item, draws it, and says what went into it', async () => {
    const tab = await open();
    await turnTo(tab, '#/items/pump-7/flow');
    await tab.page.getByRole('button', { name: 'Forecast now' }).click();
    await tab.page.getByRole('heading', { name: 'Models in it' }).waitFor();

    expect(await tab.page.locator('.shares li').count()).toBeGreaterThan(1);
    expect(await drawnPixels(tab.page)).toBeGreaterThan(5_000);
    expect(await tab.page.locator('.chart [role=img]').getAttribute('aria-label')).toMatch(/Forecast until/);
    await tab.page.locator('summary', { hasText: 'The forecast in numbers' }).click();
    expect(await tab.page.getByRole('region', { name: 'The forecast in numbers' }).locator('tbody tr').count()).toBe(
      24,
    );
    expect(tab.faults).toEqual([]);
  });

  it('shows the actual against what was foretold a day before', async () => {
    await rest().post('/forecasts', {
      item_id: 'pump-7',
      channel: 'temp',
      horizon: 30,
      as_of: new Date(LAST - 24 * HOUR).toISOString(),
    });
    await rest().post('/forecasts', { item_id: 'pump-7', channel: 'temp', horizon: 24 });
    const tab = await open();
    await turnTo(tab, '#/items/pump-7/temp');

    await tab.page.locator('.l-earlier').waitFor();
    expect(await tab.page.locator('.l-earlier').textContent()).toMatch(/forecast of 9 Jan 2026, 23:00/);
  });

  it('reads the chart by the arrow keys', async () => {
    const tab = await open();
    await turnTo(tab, '#/items/pump-8/flow');
    await tab.page.locator('.chart canvas').waitFor();
    await eventually(async () => {
      await tab.page.locator('.chart [role=img]').focus();
      await tab.page.keyboard.press('ArrowRight');
      return (await tab.page.locator('.readout').textContent())?.includes('actual');
    });
    expect(await tab.page.locator('.readout').textContent()).toMatch(/2026.*: actual 10/);
  });

  it('gives reasons for anomalies, and takes labels by one click', async () => {
    const tab = await open();
    await turnTo(tab, '#/items/pump-7/flow');
    const first = tab.page.locator('.anomalies li').first();
    await first.getByText('flow was 10.9, expected 9.7 (the forecast allowed 9.1 to 10.2).').waitFor();
    await first.getByText('above the 97.5 % quantile').waitFor();
    await first.getByRole('button', { name: 'False alarm' }).click();

    const stored = await eventually(async () => {
      const { body } = await rest().get('/anomalies/00000000-0000-4000-8000-000000000000');
      return body['label'] !== null && body;
    });
    expect(stored).toMatchObject({ label: 'false-positive' });
    await eventually(
      async () => (await first.getByRole('button', { name: 'False alarm' }).getAttribute('aria-pressed')) === 'true',
    );
    expect(tab.faults).toEqual([]);
  });

  it('makes a job and shows its run', async () => {
    const tab = await open();
    await turnTo(tab, '#/jobs');
    await tab.page.getByLabel('Name').fill('by hand');
    await tab.page.getByLabel('Schedule (cron)').fill('61 * * * *');
    await tab.page.getByLabel('Items, comma').fill('pump-7');
    await tab.page.getByRole('button', { name: 'Create' }).click();
    await tab.page.getByRole('alert').waitFor();
    await tab.page.getByLabel('Schedule (cron)').fill('5 4 * * *');
    await tab.page.getByRole('button', { name: 'Create' }).click();
    const card = tab.page.locator('.card', { has: tab.page.getByRole('heading', { name: 'by hand', exact: true }) });
    await card.getByRole('button', { name: 'Run now' }).click();

    // No forecaster takes tasks in this test: the run stays where it is.
    await card.getByText('running', { exact: true }).waitFor();
    await card.getByText('0 of 2 series').waitFor();
    await card.getByRole('button', { name: 'Pause' }).click();
    await card.getByText('paused', { exact: true }).waitFor();
    expect(tab.faults).toEqual([]);
  });

  it('shows models with where they run', async () => {
    const tab = await open();
    await turnTo(tab, '#/models');
    const card = tab.page.locator('.card', { hasText: 'ttm/base' });
    await card.getByText('ready', { exact: true }).waitFor();
    expect(await card.locator('dd').first().textContent()).toMatch(/^(cpu|cuda|webgpu)$/);
    expect(tab.faults).toEqual([]);
  });

  it('sends a dead letter again', async () => {
    const tab = await open();
    await turnTo(tab, '#/streams');
    const letter = tab.page.locator('.letters li', { hasText: 'yesterday' }).first();
    await letter.getByRole('button', { name: 'Replay' }).click();

    // It still has no time: it comes back from another place.
    const place = await eventually(async () => {
      const { body } = await rest().get<{ dead_letters: Json[] }>('/dead-letters?code=TS_INVALID');
      const [found] = body.dead_letters;
      return found?.['offset'] === 900_001 ? undefined : found;
    });
    await tab.page
      .getByText(`tidecast.observations / ${String(place['partition'])} / ${String(place['offset'])}`)
      .waitFor();
    expect(tab.faults).toEqual([]);
  });

  it('forecasts a file', async () => {
    const tab = await open();
    await turnTo(tab, '#/try');
    const rows = Array.from({ length: 60 }, (_, day) => `2026-01-${String((day % 28) + 1).padStart(2, '0')};1`);
    const input = tab.page.locator('input[type=file]');
    await input.setInputFiles({
      name: 'bad.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('day;note\n2026-01-01;none at all\n2026-01-02;x\n'),
    });
    await tab.page.getByText('no column of numbers').waitFor();
    await input.setInputFiles({
      name: 'gap.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(`day;sales\n${rows.join('\n')}\n2026-13-01;2\n`),
    });
    await tab.page.getByRole('button', { name: 'Forecast', exact: true }).click();
    await tab.page.getByText('Row 62: “2026-13-01” is no time').waitFor();

    const lines = Array.from(
      { length: 90 },
      (_, n) => `${new Date(Date.UTC(2026, 0, 1 + n)).toISOString().slice(0, 10)},${100 + 10 * (n % 7)}`,
    );
    await input.setInputFiles({
      name: '<b>shop</b>.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(`day,sales\n${lines.join('\n')}\n`),
    });
    await tab.page.getByRole('button', { name: 'Forecast', exact: true }).click();
    await tab.page.getByRole('button', { name: 'Download CSV' }).waitFor();
    expect(await drawnPixels(tab.page)).toBeGreaterThan(5_000);
    expect(await tab.page.locator('.facts').last().textContent()).toContain('every P1D');
    expect(tab.faults).toEqual([]);
  });

  it('takes names for text, whatever they hold', async () => {
    const tab = await open();
    const hacked = () => tab.page.evaluate(() => 'hacked' in window);
    for (const hash of ['#/', '#/jobs', '#/streams', '#/items/pump-7/flow']) {
      await turnTo(tab, hash);
      await tab.page.locator('main :text("window.hacked"), .anomalies li').first().waitFor();
      expect([hash, await hacked()]).toEqual([hash, false]);
    }
    for (const name of [...HOSTILE, AWKWARD]) {
      await turnTo(tab, itemHash(name));
      await tab.page.locator('.card h2 bdi').first().waitFor();
      expect(await tab.page.locator('h1').textContent()).toBe(name);
      expect(await tab.page.locator('.card h2 bdi').first().textContent()).toBe(name);
      expect(await tab.page.title()).toContain('Tidecast');
    }
    expect(await hacked()).toBe(false);
    expect(tab.faults).toEqual([]);
  }, 90_000);

  it.each([
    ['wide and light', { colorScheme: 'light' as const }],
    ['on a phone and dark', { ...PHONE, colorScheme: 'dark' as const }],
  ])(
    'is within reach of everybody, %s',
    async (_name, options) => {
      const tab = await open(options);
      for (const hash of PLACES) {
        await turnTo(tab, hash);
        await eventually(async () => (await tab.page.locator('main .card, main .items li, main .drop').count()) > 0);
        const wider = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect([hash, wider]).toEqual([hash, 0]);
        await tab.page.evaluate(AXE);
        const violations = await tab.page.evaluate(async (tags) => {
          const { axe } = window as unknown as {
            axe: {
              run(
                root: Document,
                options: object,
              ): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
            };
          };
          const found = await axe.run(document, { runOnly: tags });
          return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
        }, AA);
        expect([hash, violations]).toEqual([hash, []]);
      }
    },
    90_000,
  );

  it('can be used without a mouse', async () => {
    const tab = await open();
    await turnTo(tab, '#/');
    await tab.page.getByText('pump-7', { exact: true }).waitFor();
    await tab.page.keyboard.press('Tab');
    expect(await tab.page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await tab.page.keyboard.press('Enter');
    expect(await tab.page.evaluate(() => document.activeElement?.id)).toBe('main');
    await tab.page.keyboard.press('Tab');
    expect(await tab.page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('search');
    await tab.page.keyboard.type('pump-7');
    await eventually(async () => (await tab.page.locator('.items li').count()) === 1);
    await tab.page.keyboard.press('Tab');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByRole('heading', { level: 1, name: 'pump-7' }).waitFor();
    // Who can't see hears where they are.
    await eventually(async () => (await tab.page.evaluate(() => document.activeElement?.textContent)) === 'pump-7');
  });

  it('draws a million points, and what one zooms into', async () => {
    await rest().dataSource.query(`SELECT ensure_observation_partitions('2024-01-01Z', '2026-01-01Z')`);
    await rest().dataSource.query(
      `WITH made AS (INSERT INTO series (item_id, channel, freq) VALUES ('million', 'value', 'PT1M') RETURNING series_id)
       INSERT INTO observations SELECT series_id, '2024-01-01Z'::timestamptz + n * interval '1 minute', sin(n / 700.0) * 10 + n % 7, 0, now()
       FROM made, generate_series(0, 999999) AS n`,
    );
    const tab = await open();
    const answers: number[] = [];
    tab.page.on('response', (response) => {
      if (!response.url().includes('max_points=2000')) return;
      void response.json().then(({ observations }: { observations: unknown[] }) => answers.push(observations.length));
    });
    await turnTo(tab, '#/items/million');
    await tab.page.getByRole('button', { name: 'All', exact: true }).click();
    await tab.page.getByText('1,000,000 points, drawn by their lowest and highest').waitFor({ timeout: 30_000 });
    expect(await drawnPixels(tab.page)).toBeGreaterThan(20_000);

    const box = (await tab.page.locator('.chart .u-over').boundingBox())!;
    await tab.page.mouse.move(box.x + box.width * 0.4, box.y + 50);
    await tab.page.mouse.down();
    await tab.page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
    await tab.page.mouse.up();
    await tab.page.getByText(/^(9\d|10\d),\d{3} points, drawn by/).waitFor({ timeout: 30_000 });
    expect(Math.max(...answers)).toBeLessThanOrEqual(2_000);
    expect(tab.faults).toEqual([]);
  }, 120_000);
});

describeWithBrowser('the page of a server that needs keys', (open) => {
  it('asks for one, and keeps it in its tab alone', async () => {
    const guarded = await RestProcess.start({ env: { API_KEYS: 'always' }, forecasterUrl: 'http://127.0.0.1:9' });
    try {
      const key = await storedKey(guarded, ['read']);
      const { page } = await open();
      await page.goto(guarded.url);
      await page.getByText('answers only with a key').waitFor();
      await page.getByLabel('Key', { exact: true }).fill('tdc_wrong');
      await page.getByRole('button', { name: 'Use it' }).click();
      await page.getByText('answers only with a key').waitFor();
      await page.getByLabel('Key', { exact: true }).fill(key);
      await page.getByRole('button', { name: 'Use it' }).click();
      await page.getByText('There are no series yet').waitFor();
      await page.getByText('live', { exact: true }).waitFor();

      const kept = await page.evaluate(() => [
        JSON.stringify(sessionStorage),
        JSON.stringify(localStorage),
        document.cookie,
        location.href,
      ]);
      expect(kept.map((text) => text.includes(key))).toEqual([true, false, false, false]);
    } finally {
      await guarded.stop();
    }
  }, 60_000);
});
