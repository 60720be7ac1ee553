import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { text } from 'node:stream/consumers';

import { silentLogger } from '@app/observability';
import { WebhookDeliveryRepository } from '@app/persistence';

import { WebhookSender } from '../../apps/detector/src/webhooks/webhook.sender.js';
import { DetectorWorld } from '../support/detector-world.js';
import { eventually } from '../support/processes.js';
import { useRestProcess, type Json } from '../support/rest-process.js';

const START = Date.UTC(2026, 2, 1);
const MINUTE = 60_000;
const rest = useRestProcess();

interface Anomaly extends Json {
  readonly anomaly_id: string;
  readonly ts: string;
  readonly score: number;
}
interface Page {
  readonly anomalies: Anomaly[];
  readonly next_cursor: string | null;
}

describe('/anomalies', () => {
  beforeAll(async () => {
    const world = new DetectorWorld(rest().dataSource, {});
    world.start();
    await world.show(
      ['pump-7', 'pump-8'].flatMap((item_id) =>
        Array.from({ length: 800 }, (_, i) => {
          const values = { flow: 10 + 3 * Math.sin(i / 15) + (i > 300 && i % 140 === 0 ? i / 5 : 0) };
          return { key: item_id, value: Buffer.from(JSON.stringify({ item_id, ts: START + i * MINUTE, values })) };
        }),
      ),
    );
    await world.close();
  }, 60_000);

  it('lists them newest first, page by page, each once', async () => {
    const all = (await rest().get<Page>('/anomalies?limit=1000')).body.anomalies;
    expect(all.length).toBeGreaterThan(4);
    expect(all.map(({ ts }) => ts)).toEqual(
      all
        .map(({ ts }) => ts)
        .toSorted()
        .toReversed(),
    );

    const paged: Anomaly[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await rest().get<Page>(`/anomalies?limit=2${query}`);
      expect(body.anomalies.length).toBeLessThanOrEqual(2);
      paged.push(...body.anomalies);
      cursor = body.next_cursor;
    }
    expect(paged).toEqual(all);
  });

  it('narrows them by item, time and alert', async () => {
    const { anomalies } = (await rest().get<Page>('/anomalies?item_id=pump-7')).body;
    const [newest, next] = anomalies;
    expect(new Set(anomalies.map(({ item_id }) => item_id))).toEqual(new Set(['pump-7']));
    expect(newest).toMatchObject({ channel: 'flow', label: null, explanation: { detectors: expect.any(Array) } });

    const between = await rest().get<Page>(`/anomalies?item_id=pump-7&from=${next!.ts}&to=${newest!.ts}`);
    expect(between.body.anomalies.map(({ ts }) => ts)).toEqual([next!.ts]);
    const alerts = await rest().get<Page>('/anomalies?alert=true');
    expect(alerts.body.anomalies.every(({ alert }) => alert === true)).toBe(true);
    expect((await rest().get<Page>('/anomalies?item_id=nobody')).body).toEqual({ anomalies: [], next_cursor: null });
  });

  it('takes labels, keeps each with its note, and shows the newest', async () => {
    const [{ anomaly_id }] = (await rest().get<Page>('/anomalies?limit=1')).body.anomalies as [Anomaly];
    const path = `/anomalies/${anomaly_id}`;
    expect((await rest().get(path)).body).toMatchObject({ anomaly_id, label: null, labels: [] });

    await rest().post(`${path}/label`, { label: 'true-positive' });
    const second = await rest().post(`${path}/label`, { label: 'false-positive', note: 'planned \u0000maintenance' });

    expect(second).toMatchObject({
      status: 200,
      body: {
        label: 'false-positive',
        labels: [
          { label: 'true-positive', note: null, applied_at: null },
          { label: 'false-positive', note: 'planned maintenance', applied_at: null },
        ],
      },
    });
    expect((await rest().get(path)).body).toEqual(second.body);
  });

  it.each([
    ['/anomalies?from=yesterday', 400, /from/],
    ['/anomalies?limit=0', 400, /limit/],
    ['/anomalies?limit=100000', 400, /limit/],
    ['/anomalies?cursor=AAAA', 400, /next_cursor/],
    ['/anomalies?item=x', 400, /item/],
    ['/anomalies/7', 400, /id of an anomaly/],
    ['/anomalies/00000000-0000-4000-8000-000000000000', 404, /there is no anomaly 0{8}/],
  ])('refuses GET %s', async (path, status, detail) => {
    expect(await rest().get(path)).toMatchObject({ status, body: { detail: expect.stringMatching(detail) } });
  });

  it.each([
    [{}, /label/],
    [{ label: 'maybe' }, /label/],
    [{ label: 'true-positive', note: 'x'.repeat(2_001) }, /note/],
    [{ label: 'true-positive', by: 'me' }, /by/],
  ])("refuses a label that can't be used, case %#", async (body, detail) => {
    const path = '/anomalies/00000000-0000-4000-8000-000000000000/label';
    expect(await rest().post(path, body)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', detail: expect.stringMatching(detail) },
    });
  });

  it('knows nothing of an anomaly that is not there', async () => {
    const path = '/anomalies/00000000-0000-4000-8000-000000000000/label';
    expect(await rest().post(path, { label: 'true-positive' })).toMatchObject({ status: 404 });
  });
});

describe('/webhooks', () => {
  it('creates, lists and removes; the secret is told once', async () => {
    const made = await rest().post<{ webhook_id: string; secret: string }>('/webhooks', {
      url: 'https://alerts.example.com/x',
      item_ids: ['pump-7'],
    });
    expect(made).toMatchObject({ status: 201, body: { url: 'https://alerts.example.com/x', item_ids: ['pump-7'] } });
    expect(made.body.secret.length).toBeGreaterThanOrEqual(32);

    const { secret, ...shown } = made.body;
    const list = await rest().get('/webhooks');
    expect(list.body).toEqual({ webhooks: [shown] });
    expect(JSON.stringify(list.body)).not.toContain(secret);

    expect((await rest().call('DELETE', `/webhooks/${made.body.webhook_id}`)).status).toBe(204);
    expect((await rest().call('DELETE', `/webhooks/${made.body.webhook_id}`)).status).toBe(404);
    expect((await rest().get('/webhooks')).body).toEqual({ webhooks: [] });
  });

  it.each([
    [{ url: 'ftp://example.com' }, /no http or https URL/],
    [{ url: 'http://169.254.169.254/latest/meta-data' }, /169\.254\.169\.254 is no address that webhooks may go to/],
    [{ url: 'http://127.0.0.1:8080/' }, /WEBHOOK_ADDRESSES is private/],
    [{ url: 'https://me:pw@example.com' }, /user name or password/],
    [{ url: `https://example.com/${'x'.repeat(3_000)}` }, /url/],
    [{ url: 'https://example.com', secret: 'short' }, /secret/],
    [{ url: 'https://example.com', item_ids: [] }, /item_ids/],
    [{}, /url/],
  ])('refuses a webhook, case %#', async (body, detail) => {
    expect(await rest().post('/webhooks', body)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', detail: expect.stringMatching(detail) },
    });
  });
});

describe('deliveries to webhooks', () => {
  const secret = '0123456789abcdef';
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  /** Statuses to answer with, the last one for ever. */
  let answers: number[] = [200];
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const answer = async () => {
        received.push({ headers: request.headers, body: await text(request) });
        response.statusCode = answers.length > 1 ? answers.shift()! : answers[0]!;
        response.setHeader('location', '/elsewhere').end();
      };
      void answer();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}/alerts`;
  });
  afterAll(() => void server.close());

  beforeEach(async () => {
    received.length = 0;
    answers = [200];
    await rest().dataSource.query(`DELETE FROM webhooks`);
  });

  async function webhook(target = url, items: string[] | null = null): Promise<void> {
    await rest().dataSource.query(`INSERT INTO webhooks VALUES (gen_random_uuid(), $1, $2, $3)`, [
      target,
      secret,
      items,
    ]);
  }

  const deliveries = () => new WebhookDeliveryRepository(rest().dataSource);
  const sender = (addresses: 'any' | 'private' = 'any', attempts = 4) =>
    new WebhookSender({
      deliveries: deliveries(),
      logger: silentLogger(),
      addresses,
      retry: { firstMs: 10, longestMs: 40, attempts },
    });

  async function enqueue(itemId: string, anomalyId = '00000000-0000-4000-8000-00000000000a'): Promise<void> {
    const alert = { anomalyId, itemId, body: `{"item_id":"${itemId}"}` };
    await rest().dataSource.transaction((manager) => deliveries().enqueue(manager, [alert]));
  }

  const ended = (status: string) =>
    eventually(async () => {
      const rows = await rest().dataSource.query<
        { delivery_id: string; attempts: number; last_error: string | null }[]
      >(`SELECT delivery_id, attempts, last_error FROM webhook_deliveries WHERE status = $1`, [status]);
      return rows[0];
    });

  it('signs what it sends, and a repeated alert leaves once', async () => {
    await webhook();
    await webhook(url, ['another']);
    await enqueue('pump-7');
    await enqueue('pump-7');
    const one = sender();
    one.start();
    const { delivery_id } = await ended('delivered');
    await one.stop();

    expect(received).toHaveLength(1);
    const { headers, body } = received[0]!;
    expect(body).toBe('{"item_id":"pump-7"}');
    expect(headers['idempotency-key']).toBe(delivery_id);
    const timestamp = headers['tidecast-timestamp'] as string;
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(60);
    const expected = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    expect(headers['tidecast-signature']).toBe(`sha256=${expected}`);
  });

  it('tries again with the same key until it is taken', async () => {
    answers = [500, 302, 429, 204];
    await webhook();
    await enqueue('pump-7');
    const one = sender();
    one.start();
    expect(await ended('delivered')).toMatchObject({ attempts: 4, last_error: null });
    await one.stop();

    expect(received).toHaveLength(4);
    expect(new Set(received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  it.each([
    [[500], 4, 'the receiver answered 500'],
    [[410], 1, 'the receiver answered 410'],
  ])('gives up where the receiver answers %j, and says why', async (statuses, attempts, reason) => {
    answers = statuses;
    await webhook();
    await enqueue('pump-7');
    const one = sender();
    one.start();
    expect(await ended('failed')).toMatchObject({ attempts, last_error: reason });
    await one.stop();

    expect((await rest().get('/webhooks')).body).toMatchObject({
      webhooks: [{ deliveries: { pending: 0, delivered: 0, failed: 1 }, last_error: reason }],
    });
  });

  it('goes nowhere that a name leads to against the rules', async () => {
    await webhook(url.replace('127.0.0.1', 'localhost'));
    await enqueue('pump-7');
    const one = sender('private', 1);
    one.start();
    expect((await ended('failed')).last_error).toMatch(/localhost: .* is no address that webhooks may go to/);
    await one.stop();
    expect(received).toEqual([]);
  });

  it('is shared by senders, each delivery to one of them', async () => {
    await webhook();
    const ids = Array.from({ length: 60 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`);
    for (const id of ids) await enqueue('pump-7', id);
    const senders = [sender(), sender(), sender()];
    for (const one of senders) one.start();
    await eventually(() => received.length >= ids.length);
    await Promise.all(senders.map((one) => one.stop()));

    expect(new Set(received.map(({ headers }) => headers['idempotency-key'])).size).toBe(ids.length);
    expect(received).toHaveLength(ids.length);
  });

  it('takes over what a dead process had claimed, with the same key', async () => {
    await webhook();
    await enqueue('pump-7');
    const [claimed] = await deliveries().claim(1, 50);
    const one = sender();
    one.start();
    expect(await ended('delivered')).toMatchObject({ delivery_id: claimed!.deliveryId, attempts: 2 });
    await one.stop();
  });
});
