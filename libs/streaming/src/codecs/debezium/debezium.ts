import { isObject, type JsonObject, type ObjectCodec, type PointWriter } from '../codec.js';
import type { RowReader } from '../row.js';
import { connectValue } from './connect-value.js';

/** Operations with a row after them: create, update, read by a snapshot. */
const WITH_ROW = new Set(['c', 'u', 'r']);
/** What has none: delete, truncate, message. What was observed stays. */
const WITHOUT_ROW = new Set(['d', 't', 'm']);

/**
 * Change events of Debezium, with their schema (`{"schema", "payload"}`) or without, or out of Avro. The row after the
 * change is read by the settings of rows; deletions are passed over.
 */
export class DebeziumCodec implements ObjectCodec {
  readonly name = 'debezium';

  constructor(private readonly rows: RowReader) {}

  recognises(record: JsonObject): boolean {
    const envelope = payloadOf(record);
    return typeof envelope['op'] === 'string' && (envelope['after'] !== undefined || envelope['source'] !== undefined);
  }

  decode(record: JsonObject, writer: PointWriter): void {
    const envelope = payloadOf(record);
    const op = envelope['op'] as string;
    if (WITHOUT_ROW.has(op)) return;
    const { after } = envelope;
    if (!WITH_ROW.has(op) || !isObject(after)) {
      const remedy = 'send c, u or r with the row in "after"; d, t and m are passed over';
      writer.fail(
        'UNKNOWN_FORMAT',
        `the change event has op ${JSON.stringify(op.slice(0, 20))} and no such row; ${remedy}`,
      );
      return;
    }
    const source = isObject(envelope['source']) ? envelope['source'] : {};
    const key = writer.key();
    this.rows.read(
      {
        columns: columnsOf(after, typesOf(record)),
        source: textsOf(source, ['db', 'schema', 'table']),
        key: key && payloadOf(key),
        changedAt: timeOf(source['ts_ms'] ?? envelope['ts_ms'], writer.recordTs),
      },
      writer,
    );
  }
}

function payloadOf(record: JsonObject): JsonObject {
  return isObject(record['payload']) ? record['payload'] : record;
}

function columnsOf(row: JsonObject, types: ReadonlyMap<string, JsonObject>): JsonObject {
  if (types.size === 0) return row;
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, connectValue(value, types.get(column))]),
  );
}

/** The types of the columns by name, out of the schema of the envelope; empty where there is none. */
function typesOf({ schema }: JsonObject): Map<string, JsonObject> {
  const after = fieldsOf(schema).find(({ field }) => field === 'after');
  return new Map(fieldsOf(after).map((type) => [String(type['field']), type]));
}

function fieldsOf(schema: unknown): JsonObject[] {
  const fields = isObject(schema) ? schema['fields'] : undefined;
  return Array.isArray(fields) ? fields.filter(isObject).filter(({ field }) => typeof field === 'string') : [];
}

function textsOf(source: JsonObject, names: readonly string[]): Record<string, string> {
  const texts = names.map((name) => [name, source[name]] as const);
  return Object.fromEntries(texts.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function timeOf(value: unknown, recordTs: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.floor(value) : recordTs;
}
