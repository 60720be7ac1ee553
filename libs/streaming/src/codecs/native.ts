import type { JsonObject, ObjectCodec, PointWriter } from './codec.js';

/** `{"item_id", "ts", "values": {channel: number}}`, or `"value"` alone for the channel `value`. */
export const nativeCodec: ObjectCodec = {
  name: 'native',

  recognises: (record) => record['item_id'] !== undefined || record['values'] !== undefined,

  decode(record, writer) {
    const itemId = writer.itemId(record['item_id'], 'item_id');
    const ts = writer.ts(record['ts'], 'ts');
    if (itemId === undefined || ts === undefined) return;

    const values = record['values'];
    if (values !== undefined) decodeValues(record, values, itemId, ts, writer);
    else if (record['value'] !== undefined) {
      writer.value(itemId, 'value', ts, record['value'], 'value');
      writer.declare(itemId, ['value'], record);
    } else writer.fail('EMPTY_RECORD', 'the record has neither "values" nor "value"; send at least one of them');
  },
};

function decodeValues(record: JsonObject, values: unknown, itemId: string, ts: number, writer: PointWriter): void {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    writer.fail('UNKNOWN_FORMAT', '"values" is no object; send {"channel": number, …}');
    return;
  }
  const channels = values as JsonObject;
  let count = 0;
  // for…in: an array of keys would be made for every record of the hot path.
  for (const channel in channels) {
    count++;
    writer.value(itemId, channel, ts, channels[channel], `values.${channel}`);
  }
  if (count === 0) writer.fail('EMPTY_RECORD', '"values" has no channel; send {"channel": number, …}');
  else writer.declare(itemId, Object.keys(channels), record);
}
