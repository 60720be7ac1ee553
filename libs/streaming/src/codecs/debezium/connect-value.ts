import { isObject, type JsonObject } from '../codec.js';

const DAY_MS = 86_400_000;
/** Milliseconds of one unit, by the name that Kafka Connect or Debezium gives a type of times. */
const TIMES: Readonly<Record<string, number>> = {
  'org.apache.kafka.connect.data.Date': DAY_MS,
  'org.apache.kafka.connect.data.Timestamp': 1,
  'io.debezium.time.Date': DAY_MS,
  'io.debezium.time.Timestamp': 1,
  'io.debezium.time.MicroTimestamp': 1e-3,
  'io.debezium.time.NanoTimestamp': 1e-6,
};
/** Numbers that are no measurements. */
const TIMES_OF_DAY =
  /^(org\.apache\.kafka\.connect\.data\.Time|io\.debezium\.time\.(Micro|Nano|Zoned)?(Time|Duration))$/;
const DECIMAL = 'org.apache.kafka.connect.data.Decimal';
const VARIABLE_SCALE_DECIMAL = 'io.debezium.data.VariableScaleDecimal';

/** Milliseconds of one unit of a type of times; undefined where the type is none. */
export function timeUnitMs(typeName: string): number | undefined {
  return Object.hasOwn(TIMES, typeName) ? TIMES[typeName] : undefined;
}

/** ISO-8601 of a time in units since the epoch; as it is where no calendar has it, as databases' infinity. */
export function isoOf(value: number, unitMs: number): string {
  // Whole milliseconds survive the division: the margin is below what a double of this size can tell apart.
  const date = new Date(Math.floor(value * unitMs + (unitMs < 1 ? 0.0005 : 0)));
  return Number.isNaN(date.getTime()) ? String(value) : date.toISOString();
}

/** The number of a big-endian two's complement integer, divided by 10 to the scale. */
export function decimalOf(unscaled: Uint8Array, scale: number): number {
  if (unscaled.length === 0) return Number.NaN;
  const hex = Buffer.from(unscaled).toString('hex');
  const integer = BigInt.asIntN(unscaled.length * 8, BigInt(`0x${hex}`));
  // Through text: it is rounded once, not twice.
  return Number(`${integer}e${-scale}`);
}

/**
 * A value of Kafka Connect's JSON as the type in its schema says: decimals become numbers, times become ISO-8601 texts,
 * everything else stays. Without a schema nothing can be told apart.
 */
export function connectValue(value: unknown, type: JsonObject | undefined): unknown {
  const name = type?.['name'];
  if (value === null || typeof name !== 'string') return value;
  if (name === DECIMAL && typeof value === 'string') {
    const { scale } = isObject(type?.['parameters']) ? type['parameters'] : {};
    return decimalOf(Buffer.from(value, 'base64'), Number(scale ?? 0));
  }
  if (name === VARIABLE_SCALE_DECIMAL && isObject(value) && typeof value['value'] === 'string') {
    return decimalOf(Buffer.from(value['value'], 'base64'), Number(value['scale']));
  }
  const unitMs = timeUnitMs(name);
  if (unitMs !== undefined && typeof value === 'number') return isoOf(value, unitMs);
  return typeof value === 'number' && TIMES_OF_DAY.test(name) ? String(value) : value;
}
