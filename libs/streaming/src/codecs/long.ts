import type { ObjectCodec } from './codec.js';

const CHANNELS = ['value'];

/** `{"unique_id", "ds", "y"}`, the long format of the forecasting libraries; the channel is `value`. */
export const longCodec: ObjectCodec = {
  name: 'long',

  recognises: (record) => record['unique_id'] !== undefined || record['ds'] !== undefined,

  decode(record, writer) {
    const itemId = writer.itemId(record['unique_id'], 'unique_id');
    const ts = writer.ts(record['ds'], 'ds');
    if (itemId === undefined || ts === undefined) return;

    if (record['y'] === undefined) {
      writer.fail('EMPTY_RECORD', 'the record has no "y"; send a number, or null for a gap');
      return;
    }
    writer.value(itemId, 'value', ts, record['y'], 'y');
    writer.declare(itemId, CHANNELS, record);
  },
};
