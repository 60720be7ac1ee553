import { readFileSync, writeFileSync } from 'node:fs';

import { influxLines, otlpMetrics } from './producers.js';

const at = (name: string) => new URL(name, import.meta.url);

// UPDATE_SAMPLES=1 npm test -- samples.spec.ts writes them anew.
const update = process.env['UPDATE_SAMPLES'] === '1';

describe('stored samples', () => {
  it('of line protocol are what the client writes', () => {
    if (update) writeFileSync(at('influxdb-client.lp'), influxLines());
    expect(readFileSync(at('influxdb-client.lp'), 'utf8')).toBe(influxLines());
  });

  it('of OTLP have the shape that the SDK writes', async () => {
    const { json, protobuf } = await otlpMetrics();
    if (update) {
      writeFileSync(at('otlp.ndjson'), json);
      writeFileSync(at('otlp.pb'), protobuf);
    }
    const untimed = (bytes: Buffer) => bytes.toString().replaceAll(/UnixNano":"\d+"/g, '');
    expect(untimed(readFileSync(at('otlp.ndjson')))).toBe(untimed(json));
    expect(readFileSync(at('otlp.pb'))).toHaveLength(protobuf.length);
  });
});
