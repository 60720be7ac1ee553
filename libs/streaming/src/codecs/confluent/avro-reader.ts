import avro, { type Type, type types } from 'avsc';

import { decimalOf, isoOf, timeUnitMs } from '../debezium/connect-value.js';

/** Why bytes are not what their schema says. */
export class AvroError extends Error {
  override readonly name = 'AvroError';
}

/** Reads one value and moves the cursor behind it. */
type Read = (cursor: Cursor) => unknown;

/** Schemas may refer to themselves, but no record of observations is nested so deeply. */
const DEEPEST = 64;
/** Values in one record: items of no bytes could otherwise be counted out for ever. */
const MAX_VALUES = 1_000_000;
/** Milliseconds of one unit, by logical type. */
const TIMES: Readonly<Record<string, number>> = {
  date: 86_400_000,
  'timestamp-millis': 1,
  'timestamp-micros': 1e-3,
  'timestamp-nanos': 1e-6,
  'local-timestamp-millis': 1,
  'local-timestamp-micros': 1e-3,
  'local-timestamp-nanos': 1e-6,
};
/** Logical type that stands for a type of Kafka Connect's which Avro has none for; the unit follows. */
const CONNECT_TIME = 'connect-time';

/** Parses Avro schemas and reads values of them. Named types of one reader may refer to each other. */
export class AvroSchemas {
  readonly #named: Record<string, Type> = {};

  /**
   * A function from the bytes of one value to the value: decimals are numbers, times are ISO-8601 texts, a branch of a
   * union is the value alone. It throws AvroError.
   *
   * The library parses the schema; bytes are read here, as its own reader trusts the counts that it reads: a few
   * hostile bytes would keep it busy for years.
   *
   * @throws Error when the schema is none
   */
  reader(schema: unknown): (bytes: Buffer) => unknown {
    const type = avro.Type.forSchema(annotated(schema) as never, {
      registry: this.#named,
      logicalTypes: LOGICAL_TYPES,
      wrapUnions: 'always',
    });
    const read = new Compiler().compile(type);
    return (bytes) => {
      const cursor = new Cursor(bytes);
      const value = read(cursor);
      if (cursor.left > 0) throw new AvroError(`${cursor.left} bytes are left after the last field`);
      return value;
    };
  }
}

/** A logical type that keeps what its schema says besides the type. */
class Annotated extends avro.types.LogicalType {
  readonly annotations: Readonly<Record<string, unknown>>;

  constructor(schema: Record<string, unknown>, options: unknown) {
    super(schema as never, options);
    this.annotations = schema;
  }

  // Never called: bytes are read by the compiled functions.
  protected override _fromValue(value: unknown): unknown {
    return value;
  }
}

const LOGICAL_TYPES = Object.fromEntries(
  ['decimal', CONNECT_TIME, ...Object.keys(TIMES)].map((name) => [name, Annotated as never]),
);

/** The schema with a logical type where only Kafka Connect's own name says that a number is a time. */
function annotated(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(annotated);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = { ...schema };
  for (const inner of ['type', 'items', 'values']) if (copy[inner] !== undefined) copy[inner] = annotated(copy[inner]);
  if (Array.isArray(copy['fields'])) {
    copy['fields'] = copy['fields'].map((field: object) => annotated(field));
  }
  const unitMs = typeof copy['connect.name'] === 'string' ? timeUnitMs(copy['connect.name']) : undefined;
  if (unitMs !== undefined && copy['logicalType'] === undefined && typeof copy['type'] === 'string') {
    Object.assign(copy, { logicalType: CONNECT_TIME, unitMs });
  }
  return copy;
}

/** Makes functions of types. A type that contains itself is compiled once. */
class Compiler {
  readonly #compiled = new Map<Type, Read>();

  compile(type: Type): Read {
    const known = this.#compiled.get(type);
    if (known) return known;
    let read: Read | undefined;
    this.#compiled.set(type, (cursor) => read!(cursor));
    read = this.#make(type);
    this.#compiled.set(type, read);
    return read;
  }

  #make(type: Type): Read {
    const kind = type.typeName;
    if (kind.startsWith('logical:')) return this.#logical(type as Annotated);
    switch (kind) {
      case 'null':
        return () => null;
      case 'boolean':
        return (cursor) => cursor.byte() !== 0;
      case 'int':
      case 'long':
        return (cursor) => cursor.long();
      case 'float':
        return (cursor) => cursor.take(4).readFloatLE();
      case 'double':
        return (cursor) => cursor.take(8).readDoubleLE();
      case 'bytes':
        return (cursor) => cursor.take(cursor.long());
      case 'string':
        return (cursor) => cursor.take(cursor.long()).toString('utf8');
      case 'fixed':
        return (cursor) => cursor.take((type as types.FixedType).size);
      case 'enum':
        return oneOf((type as types.EnumType).symbols);
      case 'array':
        return this.#array((type as types.ArrayType).itemsType);
      case 'map':
        return this.#map((type as types.MapType).valuesType);
      case 'record':
        return this.#record(type as types.RecordType);
      case 'union:wrapped':
        return this.#union((type as types.WrappedUnionType).types);
      default:
        throw new AvroError(`no way to read a ${kind}`);
    }
  }

  #logical({ annotations, typeName, underlyingType }: Annotated): Read {
    const read = this.compile(underlyingType);
    if (typeName === 'logical:decimal') {
      const scale = Number(annotations['scale'] ?? 0);
      return (cursor) => decimalOf(read(cursor) as Buffer, scale);
    }
    const unitMs = Number(annotations['unitMs'] ?? TIMES[String(annotations['logicalType'])]);
    return (cursor) => isoOf(read(cursor) as number, unitMs);
  }

  #record({ fields }: types.RecordType): Read {
    const reads = fields.map(({ name, type }) => [name, this.compile(type)] as const);
    return (cursor) =>
      cursor.nested(() => {
        const values: [string, unknown][] = [];
        for (const [name, read] of reads) values.push([name, read(cursor)]);
        return Object.fromEntries(values);
      });
  }

  #union(branches: readonly Type[]): Read {
    const reads = branches.map((branch) => this.compile(branch));
    return (cursor) => {
      const read = reads[cursor.long()];
      if (!read) throw new AvroError('a union has no such branch');
      return read(cursor);
    };
  }

  #array(items: Type): Read {
    const read = this.compile(items);
    return (cursor) =>
      cursor.nested(() => {
        const values: unknown[] = [];
        for (let n = cursor.blockSize(); n > 0; n = cursor.blockSize()) {
          for (let i = 0; i < n; i++) values.push(cursor.counted(read));
        }
        return values;
      });
  }

  #map(values: Type): Read {
    const read = this.compile(values);
    return (cursor) =>
      cursor.nested(() => {
        const entries: [string, unknown][] = [];
        for (let n = cursor.blockSize(); n > 0; n = cursor.blockSize()) {
          for (let i = 0; i < n; i++) {
            entries.push([cursor.take(cursor.long()).toString('utf8'), cursor.counted(read)]);
          }
        }
        return Object.fromEntries(entries);
      });
  }
}

function oneOf(symbols: readonly string[]): Read {
  return (cursor) => {
    const symbol = symbols[cursor.long()];
    if (symbol === undefined) throw new AvroError('an enum has no such symbol');
    return symbol;
  };
}

/** A place in bytes that never passes their end. */
class Cursor {
  #at = 0;
  #depth = 0;
  #values = 0;

  constructor(private readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  byte(): number {
    if (this.left < 1) throw new AvroError('the record ends in the middle of a field');
    return this.bytes[this.#at++]!;
  }

  take(length: number): Buffer {
    if (!(length >= 0 && length <= this.left)) throw new AvroError(`a field of ${length} bytes has ${this.left}`);
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  /** A zigzag varint; beyond 2^53 to the precision of a double. */
  long(): number {
    const first = this.byte();
    // The sign is the lowest bit, which a double of many bits would lose.
    const negative = (first & 1) === 1;
    let value = (first & 0x7e) / 2;
    let scale = 64;
    for (let byte = first, i = 1; byte >= 0x80; i++, scale *= 128) {
      if (i === 10) throw new AvroError('a number has more than ten bytes');
      byte = this.byte();
      value += (byte & 0x7f) * scale;
    }
    return negative ? -value - 1 : value;
  }

  /** Items in the next block of an array or map. */
  blockSize(): number {
    const count = this.long();
    if (count >= 0) return count;
    this.long();
    return -count;
  }

  counted(read: Read): unknown {
    if (++this.#values > MAX_VALUES) throw new AvroError(`more than ${MAX_VALUES} values`);
    return read(this);
  }

  nested<T>(read: () => T): T {
    if (++this.#depth > DEEPEST) throw new AvroError(`nested deeper than ${DEEPEST} levels`);
    const value = read();
    this.#depth--;
    return value;
  }
}
