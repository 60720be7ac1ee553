import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callWithKey, storedKey } from '../support/api-keys.js';
import { useRestProcess, type Json, type RestProcess } from '../support/rest-process.js';
import { START, storeSeries } from '../support/rest-series.js';

/** Baselines are enough here. */
const noModels = mkdtempSync(join(tmpdir(), 'tidecast-no-models-'));
afterAll(() => rmSync(noModels, { recursive: true }));

const anomalies: Record<string, string> = {};

async function prepare(rest: RestProcess): Promise<void> {
  for (const item of ['pump-7', 'pump-8', 'valve-1', 'pump_7', 'PUMP-7']) await storeSeries(rest, item, 'flow');
  for (const item of ['pump-7', 'valve-1']) {
    anomalies[item] = randomUUID();
    await rest.dataSource.query(
      `INSERT INTO anomalies (anomaly_id, item_id, ts, score, grade, severity, confidence, event_from, alert, rule, explanation, detected_at)
       VALUES ($1, $2, $3, 2, 0.5, 0.5, 0.5, $3, true, 'default', '{}', $3)`,
      [anomalies[item], item, new Date(START)],
    );
  }
}

describe('a key for some items', () => {
  const rest = useRestProcess(prepare, { env: { API_KEYS: 'always', MODELS_DIR: noModels } });
  let some: string;
  let all: string;
  beforeAll(async () => {
    some = await storedKey(rest(), ['admin'], { itemPrefixes: ['pump-'] });
    all = await storedKey(rest(), ['admin']);
  });

  const ask = (path: string, body?: unknown, method?: string) => callWithKey(rest(), some, path, body, method);
  const askAll = (path: string, body?: unknown, method?: string) => callWithKey(rest(), all, path, body, method);
  const items = (body: Json, list: string) => (body[list] as { item_id: string }[]).map(({ item_id }) => item_id);
  const FORBIDDEN = {
    status: 403,
    body: { code: 'ITEM_FORBIDDEN', detail: expect.stringContaining('begin with "pump-"') },
  };

  it('sees its items only in lists, page by page', async () => {
    const first = await ask('/series?limit=1');
    const second = await ask(`/series?limit=1&cursor=${String(first.body['next_cursor'])}`);

    expect([...items(first.body, 'series'), ...items(second.body, 'series')]).toEqual(['pump-7', 'pump-8']);
    expect(second.body['next_cursor']).toBeNull();
    expect(items((await askAll('/series')).body, 'series')).toHaveLength(5);
    expect(items((await ask('/series?item_id=valve-1')).body, 'series')).toEqual([]);
    expect(items((await ask('/anomalies')).body, 'anomalies')).toEqual(['pump-7']);
  });

  const refused: [path: string, body?: unknown, method?: string][] = [
    ['/series/valve-1/flow/observations'],
    ['/series/PUMP-7/flow/observations'],
    ['/series/pump_7/flow/observations'],
    ['/series/ghost/flow/observations'],
    ['/series/valve-1/flow', { unit: 'l' }, 'PATCH'],
    ['/forecasts', { item_id: 'valve-1', horizon: 1 }],
    ['/forecasts', { item_id: ['pump-7', 'valve-1'], horizon: 1 }],
    ['/forecasts/reconciled', { hierarchy: { by: ['site'], channel: 'flow' }, horizon: 1 }],
    ['/forecasts/latest?item_id=valve-1'],
    ['/anomalies?item_id=valve-1'],
    ['/scorecard?item_id=valve-1'],
    ['/jobs', { cron: '0 0 * * *', horizon: 1 }],
    ['/jobs', { cron: '0 0 * * *', horizon: 1, selector: { labels: { site: 'north' } } }],
    ['/jobs', { cron: '0 0 * * *', horizon: 1, selector: { item_ids: ['pump-7', 'valve-1'] } }],
    ['/stream-policies', { horizon: 1 }],
    ['/webhooks', { url: 'https://alerts.example.com' }],
    ['/webhooks', { url: 'https://alerts.example.com', item_ids: ['valve-1'] }],
    ['/models/scan', {}],
    ['/models/ttm/base/unload', {}],
    ['/models/roles/mine', { role: 'champion', model: 'mstl' }, 'PUT'],
  ];
  it.each(refused.map((asked) => ({ asked })))('is refused $asked', async ({ asked }) => {
    expect(await ask(...asked)).toMatchObject(FORBIDDEN);
  });

  it('is refused what was made of another item, whoever knows its id', async () => {
    const made = await askAll('/forecasts', { item_id: 'valve-1', horizon: 2 });
    const [forecast] = made.body['forecasts'] as { forecast_id: string }[];

    expect((await askAll(`/forecasts/${forecast!.forecast_id}`)).status).toBe(200);
    for (const [path, body] of [
      [`/forecasts/${forecast!.forecast_id}`],
      [`/forecasts/${forecast!.forecast_id}/replay`, {}],
      [`/anomalies/${anomalies['valve-1']!}`],
      [`/anomalies/${anomalies['valve-1']!}/label`, { label: 'false-positive' }],
    ] as const) {
      expect(await ask(path, body)).toMatchObject(FORBIDDEN);
    }
    expect((await askAll(`/anomalies/${anomalies['valve-1']!}`)).body['labels']).toEqual([]);
  });

  it('does with its items what it may', async () => {
    const made = await ask('/forecasts', { item_id: ['pump-7', 'pump-8'], horizon: 2 });
    const [forecast] = made.body['forecasts'] as { forecast_id: string }[];

    expect(made.status).toBe(200);
    expect((await ask(`/forecasts/${forecast!.forecast_id}`)).status).toBe(200);
    expect((await ask(`/anomalies/${anomalies['pump-7']!}/label`, { label: 'true-positive' })).status).toBe(200);
    expect((await ask('/series/pump-7/flow', { unit: 'l' }, 'PATCH')).status).toBe(200);
    // A series that comes along is the caller's own, whatever it is called.
    const inline = { item_id: 'valve-1', freq: 'P1D', start: '2026-01-01T00:00:00Z', target: [1, 2, 3, 4] };
    expect((await ask('/forecasts', { series: [inline], horizon: 1 })).status).toBe(200);
  });

  it('keeps the schedules, policies, roles and webhooks of others out of sight and reach', async () => {
    const job = { cron: '0 0 * * *', horizon: 1 };
    const mine = await ask('/jobs', { ...job, name: 'mine', selector: { item_ids: ['pump-7'] } });
    const other = await askAll('/jobs', { ...job, name: 'other' });
    const policy = await askAll('/stream-policies', { horizon: 1, name: 'other' });
    const webhook = await askAll('/webhooks', { url: 'https://alerts.example.com' });
    await ask('/webhooks', { url: 'https://alerts.example.com', item_ids: ['pump-7'] });
    const path = `/jobs/${String(other.body['job_id'])}`;

    expect(mine.status).toBe(201);
    expect((await ask('/jobs')).body).toEqual({ jobs: [mine.body] });
    expect((await ask('/stream-policies')).body).toEqual({ policies: [] });
    expect((await ask('/webhooks')).body['webhooks']).toMatchObject([{ item_ids: ['pump-7'] }]);
    for (const [where, body, method] of [
      [path],
      [`${path}/runs`],
      [`${path}/run`, {}],
      [path, { enabled: false }, 'PATCH'],
      [path, undefined, 'DELETE'],
      [`/stream-policies/${String(policy.body['policy_id'])}`],
      [`/stream-policies/${String(policy.body['policy_id'])}`, undefined, 'DELETE'],
      [`/webhooks/${String(webhook.body['webhook_id'])}`, undefined, 'DELETE'],
    ] as const) {
      expect(await ask(where, body, method)).toMatchObject(FORBIDDEN);
    }
    expect((await askAll(path)).body).toEqual(other.body);
  });

  it('asks for the scope that an operation needs', async () => {
    const read = await storedKey(rest(), ['read']);
    const label = await storedKey(rest(), ['label']);
    const allowed = async (key: string, path: string, body?: unknown) =>
      (await callWithKey(rest(), key, path, body)).status < 400;

    expect(await allowed(read, '/forecasts', { item_id: 'pump-7', horizon: 1 })).toBe(true);
    expect(await allowed(read, '/webhooks')).toBe(false);
    expect(await allowed(read, '/jobs', { cron: '0 0 * * *', horizon: 1 })).toBe(false);
    expect(await allowed(read, `/anomalies/${anomalies['pump-7']!}/label`, { label: 'true-positive' })).toBe(false);
    expect(await allowed(label, `/anomalies/${anomalies['pump-7']!}/label`, { label: 'true-positive' })).toBe(true);
    expect(await allowed(label, '/series')).toBe(false);
  });
});
