import type { RestProcess } from './rest-process.js';
import { HOUR, POINTS, START, storeSeries, storeUsualSeries } from './rest-series.js';

/** Names that would do harm if any of them were taken for more than text. */
export const HOSTILE = [
  '<script>window.hacked=1</script>',
  '<img src=x onerror=window.hacked=1>',
  `"'><svg onload=window.hacked=1>`,
  'javascript:window.hacked=1',
  `${'very long '.repeat(25)}end`,
  '\u202eright to left 水 🌊',
];
/** Time of the newest point of the usual series. */
export const LAST = START + (POINTS - 1) * HOUR;

const EXPLANATION = {
  detectors: [{ name: 'channel', score: 1.42, strength: 1.4, severity: 0.6, votes: { window: 3.1 } }],
  channels: [
    { channel: 'flow', value: 10.9, expected: 9.7, interval: { lower: 9.1, upper: 10.2, by: 'forecast' } },
    { channel: '<b onclick=window.hacked=1>temp</b>', value: 1, expected: 2 },
  ],
  forecast: { violated_level: 0.975, p_value: 0.0005, leads: [] },
  quality: ['after-gap'],
};

/** What the page is shown in tests: the usual series, hostile names, anomalies, a job and dead letters. */
export async function storePageWorld(rest: RestProcess): Promise<void> {
  await storeUsualSeries(rest);
  for (const name of HOSTILE) await storeSeries(rest, name, name, 30);
  await storeAnomalies(rest);
  await rest.dataSource.query(
    `INSERT INTO dead_letters (topic, partition, "offset", code, message, key, value) VALUES
       ('tidecast.observations', 1, 900001, 'TS_INVALID', 'ts "yesterday" is no time; send ISO-8601', 'pump-9', $1),
       ('tidecast.observations', 2, 900002, 'MALFORMED_JSON', '<img src=x onerror=window.hacked=1> is no JSON', $2, $3)`,
    [Buffer.from('{"item_id":"pump-9","ts":"yesterday","values":{"flow":1}}'), HOSTILE[0], Buffer.from([0xff, 0x00])],
  );
  await rest.post('/jobs', { name: HOSTILE[1], cron: '0 3 * * *', selector: { item_ids: ['pump-7'] }, horizon: 6 });
}

async function storeAnomalies({ dataSource }: RestProcess): Promise<void> {
  for (const [i, hours] of [3, 40, 90].entries()) {
    await dataSource.query(
      `INSERT INTO anomalies (anomaly_id, item_id, channel, ts, value, expected, score, grade, severity, confidence,
                              event_from, rule, alert, suppressed_by, explanation, detected_at)
       VALUES ($1, 'pump-7', 'flow', $2, 10.9, 9.7, 1.42, 0.3, 0.6, 0.84, $2, 'default', $3, $4, $5, $2)`,
      [
        `00000000-0000-4000-8000-00000000000${i}`,
        new Date(LAST - hours * HOUR),
        i === 0,
        i === 0 ? null : '<i>budget</i>',
        EXPLANATION,
      ],
    );
  }
}
