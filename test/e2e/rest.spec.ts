import { randomUUID } from 'node:crypto';
import { useRestProcess, type Json } from '../support/rest-process.js';
import { inlineSeries, storeUsualSeries } from '../support/rest-series.js';

const rest = useRestProcess(storeUsualSeries);

describe('/jobs', () => {
  it('creates, shows, runs, pauses and removes a schedule', async () => {
    const created = await rest().post<{ job_id: string }>('/jobs', {
      name: 'pumps',
      cron: '5 * * * *',
      time_zone: 'Europe/Berlin',
      selector: { item_ids: ['pump-7'] },
      horizon: 24,
    });
    expect(created).toMatchObject({
      status: 201,
      body: {
        name: 'pumps',
        time_zone: 'Europe/Berlin',
        selector: { item_ids: ['pump-7'] },
        horizon: 24,
        model: 'auto',
        enabled: true,
      },
    });
    const path = `/jobs/${created.body.job_id}`;

    expect((await rest().get(path)).body).toEqual(created.body);
    expect((await rest().get('/jobs')).body).toEqual({ jobs: [created.body] });
    expect(await rest().call('PATCH', path, { enabled: false })).toMatchObject({
      status: 200,
      body: { enabled: false },
    });

    const run = await rest().call('POST', `${path}/run`);
    expect(run).toMatchObject({
      status: 202,
      body: { status: 'running', series_done: 0, failures: [], finished_at: null },
    });
    expect(await rest().call('POST', `${path}/run`)).toMatchObject({ status: 409, body: { code: 'RUN_IN_PROGRESS' } });
    expect((await rest().get(`${path}/runs`)).body).toEqual({ runs: [run.body] });

    expect((await rest().call('DELETE', path)).status).toBe(204);
    expect((await rest().get(path)).status).toBe(404);
  });

  it.each<[Json, number, string]>([
    [{ cron: 'hourly' }, 400, 'CRON_INVALID'],
    [{ time_zone: 'Mars/Olympus' }, 400, 'TIME_ZONE_INVALID'],
    [{ horizon: 1e9 }, 400, 'HORIZON_TOO_LONG'],
    [{ horizon: undefined }, 400, 'INVALID_REQUEST'],
    [{ selector: { itemIds: ['pump-7'] } }, 400, 'INVALID_REQUEST'],
    [{ selector: { item_ids: [] } }, 400, 'INVALID_REQUEST'],
    [{ selector: { labels: { site: 1 } } }, 400, 'INVALID_REQUEST'],
    [{ name: '' }, 400, 'INVALID_REQUEST'],
    [{ model: 'crystal-ball' }, 404, 'MODEL_NOT_FOUND'],
    [{ name: 'taken' }, 409, 'JOB_NAME_TAKEN'],
  ])('refuses %j', async (overrides, status, code) => {
    await rest().post('/jobs', { name: 'taken', cron: '0 0 * * *', horizon: 1 });

    const answer = await rest().post('/jobs', { cron: '0 0 * * *', horizon: 1, ...overrides });

    expect(answer).toMatchObject({ status, body: { code } });
  });
});

describe('GET /models', () => {
  it('lists what a request can name, and where each runs', async () => {
    const { body } = await rest().get<{ models: { name: string; state: string; provider?: string }[] }>('/models');

    expect(body.models).toContainEqual({
      name: 'seasonal-naive',
      family: 'seasonal-naive',
      kind: 'baseline',
      state: 'ready',
      provider: 'js',
    });
    for (const { name, state } of body.models.filter((model) => model.state === 'ready')) {
      const { status } = await rest().post('/forecasts', { series: [inlineSeries()], horizon: 1, model: name });
      expect([name, state, status]).toEqual([name, 'ready', 200]);
    }
  });
});

describe('/docs, /health and /metrics', () => {
  const text = async (path: string) => (await fetch(rest().url + path)).text();

  it('document every operation: what it does, an example, and how it fails', async () => {
    const { paths } = JSON.parse(await text('/docs/openapi.json')) as {
      paths: Record<
        string,
        Record<string, { summary?: string; responses: Record<string, { content?: Record<string, Json> }> }>
      >;
    };
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
    );
    const api = operations.filter(({ name }) => name.includes('/api/v1/'));

    expect(api.map(({ name }) => name.replace('/api/v1', '')).sort()).toEqual([
      'DELETE /jobs/{job_id}',
      'DELETE /keys/{key_id}',
      'DELETE /models/roles/{role_name}',
      'DELETE /stream-policies/{policy_id}',
      'DELETE /webhooks/{webhook_id}',
      'GET /anomalies',
      'GET /anomalies/{anomaly_id}',
      'GET /audit',
      'GET /dead-letters',
      'GET /events',
      'GET /forecasts/latest',
      'GET /forecasts/{forecast_id}',
      'GET /jobs',
      'GET /jobs/{job_id}',
      'GET /jobs/{job_id}/runs',
      'GET /keys',
      'GET /models',
      'GET /models/roles',
      'GET /models/roles/{role_name}',
      'GET /models/roles/{role_name}/history',
      'GET /models/{family}/{name}/history',
      'GET /scorecard',
      'GET /series',
      'GET /series/{item_id}/{channel}/observations',
      'GET /stream-policies',
      'GET /stream-policies/{policy_id}',
      'GET /streams',
      'GET /webhooks',
      'PATCH /jobs/{job_id}',
      'PATCH /series/{item_id}/{channel}',
      'PATCH /stream-policies/{policy_id}',
      'POST /anomalies/{anomaly_id}/label',
      'POST /dead-letters/{topic}/{partition}/{offset}/replay',
      'POST /forecasts',
      'POST /forecasts/reconciled',
      'POST /forecasts/{forecast_id}/replay',
      'POST /jobs',
      'POST /jobs/{job_id}/run',
      'POST /keys',
      'POST /models/scan',
      'POST /models/{family}/{name}/load',
      'POST /models/{family}/{name}/unload',
      'POST /observations',
      'POST /stream-policies',
      'POST /webhooks',
      'POST /write',
      'PUT /models/roles/{role_name}',
    ]);
    for (const { name, summary, responses } of api) {
      expect([name, summary]).toEqual([name, expect.stringMatching(/\w/)]);
      const contents = Object.values(responses).map(({ content }) => content ?? {});
      expect([name, contents.some((content) => 'application/problem+json' in content)]).toEqual([name, true]);
      const bare = ['POST /api/v1/observations', 'POST /api/v1/write', 'GET /api/v1/events'];
      if (name.startsWith('DELETE') || bare.includes(name)) continue;
      expect([
        name,
        contents.some((content) => JSON.stringify(content['application/json'] ?? {}).includes('"example"')),
      ]).toEqual([name, true]);
    }
  });

  it('say that the process is ready, and count its requests', async () => {
    expect((await fetch(`${rest().url}/health/ready`)).status).toBe(200);
    expect(await text('/metrics')).toContain('route="/api/v1/models"');
    expect(await text('/metrics')).toContain('tidecast_forecasts_total');
  });
});

describe('POST /observations', () => {
  it('is served here too', async () => {
    expect(
      await rest().post('/observations', { item_id: 'new', ts: '2026-01-01T00:00:00Z', values: { v: 1 } }),
    ).toMatchObject({
      status: 202,
      body: { accepted: 1, rejected: 0 },
    });
  });
});

describe('a wrong request', () => {
  it.each([
    ['/jobs/17', 404, 'NOT_FOUND'],
    [`/jobs/${randomUUID()}/runs`, 404, 'NOT_FOUND'],
    ['/nowhere', 404, 'NOT_FOUND'],
  ])('answers %s with a problem', async (path, status, code) => {
    const answer = await rest().get(path);

    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
  });
});

describe('a gateway whose forecaster is away', () => {
  // Port 9, discard: nobody listens there.
  const lonely = useRestProcess(storeUsualSeries, { forecasterUrl: 'http://127.0.0.1:9' });

  it('says so, and goes on to serve what needs no forecaster', async () => {
    const asked = await lonely().post('/forecasts', { item_id: 'pump-7', horizon: 1 });

    expect(asked).toMatchObject({ status: 503, body: { code: 'FORECASTER_UNAVAILABLE' } });
    expect((await lonely().get('/models')).status).toBe(503);
    expect((await lonely().get('/series')).status).toBe(200);
    expect((await fetch(`${lonely().url}/health/ready`)).status).toBe(200);
  });
});
