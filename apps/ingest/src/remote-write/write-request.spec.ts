import { PlatformError } from '@app/observability';
import protobuf from 'protobufjs';
import { compress } from 'snappyjs';

import { decodeWriteRequest } from './write-request.js';

const LIMIT = 1_000_000;

/** A request of one series with one sample, field by field as prompb/types.proto has them. */
function message({ timestamp = 1_700_000_000_123, value = 1.5 } = {}): Uint8Array {
  const label = protobuf.Writer.create().uint32(10).string('__name__').uint32(18).string('up').finish();
  const sample = protobuf.Writer.create().uint32(9).double(value).uint32(16).int64(timestamp).finish();
  const series = protobuf.Writer.create().uint32(10).bytes(label).uint32(18).bytes(sample).finish();
  return protobuf.Writer.create().uint32(10).bytes(series).finish();
}

describe('decodeWriteRequest', () => {
  it.each([1_700_000_000_123, 0, -62_135_596_800_000, 9_007_199_254_740_991])('reads the time %d', (timestamp) => {
    const [series, ...others] = decodeWriteRequest(compress(Buffer.from(message({ timestamp }))), LIMIT);

    expect(others).toEqual([]);
    expect([...series!.labels]).toEqual([['__name__', 'up']]);
    expect(series).toMatchObject({ samples: [{ timestamp, value: 1.5 }], histograms: 0 });
  });

  it('makes nothing of what is larger than the limit', () => {
    const body = compress(Buffer.alloc(LIMIT + 1));

    expect(() => decodeWriteRequest(body, LIMIT)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
  });

  it('throws nothing but its own errors, whatever comes', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const whole = compress(Buffer.concat([message(), message()]));
    let refused = 0;
    for (let round = 0; round < 5_000; round++) {
      const body = Buffer.from(whole);
      for (let n = 0; n <= random(4); n++) body[random(body.length)] = random(256);
      try {
        decodeWriteRequest(body.subarray(0, body.length - random(3)), LIMIT);
      } catch (error) {
        expect(error).toBeInstanceOf(PlatformError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1_000);
  });
});
