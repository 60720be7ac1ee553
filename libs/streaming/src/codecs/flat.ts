import type { JsonObject, ObjectCodec, PointWriter } from './codec.js';
import type { RowReader } from './row.js';

/** Flat objects in no other format, out of JSON or Avro, read as rows are. Only where ROW_ITEM says what they are about. */
export class FlatCodec implements ObjectCodec {
  readonly name = 'flat';

  constructor(private readonly rows: RowReader) {}

  recognises(): boolean {
    return true;
  }

  decode(record: JsonObject, writer: PointWriter): void {
    this.rows.read({ columns: record, source: {}, key: undefined, changedAt: writer.recordTs }, writer);
  }
}
