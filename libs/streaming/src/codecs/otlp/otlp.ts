import { messageOf } from '@app/observability';

import { epochMsOfInteger } from '../../timestamps.js';
import { isObject, type JsonObject, type ObjectCodec, type PointWriter } from '../codec.js';
import type { Naming } from '../naming.js';
import { keptLabels, seriesName } from '../series-name.js';
import { histogramQuantile } from './histogram-quantile.js';
import { readOtlp } from './protobuf.js';

const KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const;
type Kind = (typeof KINDS)[number];

const DELTA = 1;
const DELTA_NAME = 'AGGREGATION_TEMPORALITY_DELTA';
/** Of `DataPointFlags`: the series had no value then. */
const NO_RECORDED_VALUE = 1;
/** Quantiles that a histogram of delta temporality is read at. */
const HISTOGRAM_LEVELS = [0.5, 0.9, 0.99];
/** Components in the unit of the metric; a count has none. */
const HAS_UNIT = /^(value|sum|min|max|p\d+(\.\d+)?)$/;

/**
 * OTLP metrics, JSON or protobuf. By default the item is the metric with its attributes and what identifies the resource
 * (`http.server.duration{http.route="/",service.name="shop"}`), and the channel is the component:
 *
 * | metric                          | components                                                               |
 * | ------------------------------- | ------------------------------------------------------------------------ |
 * | gauge, sum                      | `value`                                                                  |
 * | histogram                       | `count`, `sum`, `min`, `max`; with delta temporality `p50`, `p90`, `p99` |
 * | exponential histogram           | `count`, `sum`, `min`, `max`                                             |
 * | summary                         | `count`, `sum`, and `p50` for the quantile 0.5                           |
 */
export class OtlpCodec implements ObjectCodec {
  readonly name = 'otlp';

  /** @param identity attributes of a resource that belong to the names of its series */
  constructor(
    private readonly naming: Naming,
    private readonly identity: readonly string[],
  ) {}

  recognises(record: JsonObject): boolean {
    return record['resourceMetrics'] !== undefined || record['resource_metrics'] !== undefined;
  }

  decodeProtobuf(bytes: Buffer, writer: PointWriter): void {
    let request: JsonObject;
    try {
      request = readOtlp(bytes);
    } catch (error) {
      writer.fail('MALFORMED_OTLP', `the record is no OTLP metrics (${messageOf(error)}); was it cut short?`);
      return;
    }
    this.decode(request, writer);
  }

  decode(request: JsonObject, writer: PointWriter): void {
    let metrics = 0;
    for (const resourceMetrics of list(request, 'resourceMetrics', writer)) {
      const resource = attributesOf(object(resourceMetrics['resource'])['attributes']);
      for (const scopeMetrics of list(resourceMetrics, 'scopeMetrics', writer)) {
        for (const metric of list(scopeMetrics, 'metrics', writer)) {
          metrics++;
          if (!writer.full) this.#decodeMetric(metric, resource, writer);
        }
      }
    }
    if (metrics === 0) writer.fail('EMPTY_RECORD', 'the record has no metrics; leave it out');
  }

  #decodeMetric(metric: JsonObject, resource: Attributes, writer: PointWriter): void {
    const name = metric['name'];
    if (typeof name !== 'string' || name === '') {
      writer.fail('ITEM_ID_INVALID', 'a metric has no name');
      return;
    }
    const kind = KINDS.find((candidate) => member(metric, candidate) !== undefined);
    // A metric of a kind that came after this was written.
    if (!kind) {
      writer.fail('UNKNOWN_FORMAT', `the metric ${JSON.stringify(name.slice(0, 60))} is none of ${KINDS.join(', ')}`);
      return;
    }
    const data = object(member(metric, kind));
    const temporality = member(data, 'aggregationTemporality');
    const context = {
      name,
      kind,
      resource,
      unit: metric['unit'],
      delta: [DELTA, DELTA_NAME].includes(temporality as never),
    };
    for (const point of list(data, 'dataPoints', writer)) {
      if (writer.full) return;
      this.#decodePoint(point, context, writer);
    }
  }

  #decodePoint(point: JsonObject, metric: MetricContext, writer: PointWriter): void {
    if (Number(point['flags'] ?? 0) & NO_RECORDED_VALUE) return;
    const attributes = attributesOf(point['attributes']);
    const lookup = this.#lookup(metric, attributes);
    const itemId = this.naming.item(writer, lookup);
    const ts = timeOf(point, writer);
    if (itemId === undefined || ts === undefined) return;

    const channels = new Map<string, string>();
    for (const [field, value] of componentsOf(point, metric)) {
      const channel = this.naming.channel(writer, (part) => (part === 'field' ? field : lookup(part)));
      if (channel === undefined) continue;
      channels.set(channel, field);
      writer.value(itemId, channel, ts, value, `${metric.name} ${field}`);
    }
    declare(itemId, channels, { metric, attributes }, writer);
  }

  #lookup({ name, resource }: MetricContext, attributes: Attributes) {
    return (part: string): string | undefined => {
      if (part === 'metric') return name;
      if (part !== 'series') return attributes.get(part) ?? resource.get(part);
      const identity = this.identity
        .filter((key) => resource.has(key))
        .map((key) => [key, resource.get(key)!] as const);
      return seriesName(name, new Map([...identity, ...attributes]));
    };
  }
}

type Attributes = ReadonlyMap<string, string>;

interface MetricContext {
  readonly name: string;
  readonly kind: Kind;
  readonly resource: Attributes;
  readonly unit: unknown;
  readonly delta: boolean;
}

/** What a data point says, by component; a component that it lacks is not there. */
function componentsOf(point: JsonObject, { kind, delta }: MetricContext): [string, unknown][] {
  if (kind === 'gauge' || kind === 'sum') return [['value', member(point, 'asDouble') ?? member(point, 'asInt')]];
  // Protobuf leaves out what is 0, but for the fields that it calls optional.
  const zero = { count: 0, ...(kind === 'summary' && { sum: 0 }) };
  const given = Object.entries({ ...zero, ...pick(point, ['count', 'sum', 'min', 'max']) });
  if (kind === 'summary') return [...given, ...summaryQuantiles(point)];
  return kind === 'histogram' && delta ? [...given, ...histogramQuantiles(point)] : given;
}

function summaryQuantiles(point: JsonObject): [string, unknown][] {
  const quantiles = member(point, 'quantileValues');
  return (
    (Array.isArray(quantiles) ? quantiles : [])
      .filter(isObject)
      .map(({ quantile, value }) => [percentile(Number(quantile ?? 0)), value ?? 0] as [string, unknown])
      // A summary without observations in its window has NaN there.
      .filter(([, value]) => value !== 'NaN' && !Number.isNaN(value))
  );
}

function histogramQuantiles(point: JsonObject): [string, number][] {
  const [counts, bounds] = [numbers(member(point, 'bucketCounts')), numbers(member(point, 'explicitBounds'))];
  return HISTOGRAM_LEVELS.map((level): [string, number] => [
    percentile(level),
    histogramQuantile(level, counts, bounds),
  ]).filter(([, value]) => !Number.isNaN(value));
}

function percentile(level: number): string {
  return `p${Number((level * 100).toFixed(6))}`;
}

function declare(
  itemId: string,
  channels: ReadonlyMap<string, string>,
  { metric, attributes }: { metric: MetricContext; attributes: Attributes },
  writer: PointWriter,
): void {
  const labels = keptLabels(new Map([...metric.resource, ...attributes]));
  const unit =
    typeof metric.unit === 'string' && metric.unit.length <= 256 && metric.unit !== '' ? metric.unit : undefined;
  const declaration = labels ? { labels } : {};
  const measured = [...channels]
    .filter(([, field]) => unit !== undefined && HAS_UNIT.test(field))
    .map(([name]) => name);
  const others = [...channels.keys()].filter((channel) => !measured.includes(channel));
  if (measured.length > 0) writer.declare(itemId, measured, { ...declaration, unit });
  if (others.length > 0) writer.declare(itemId, others, declaration);
}

function timeOf(point: JsonObject, writer: PointWriter): number | undefined {
  const given = member(point, 'timeUnixNano');
  // 0 is how the format says "unknown".
  if (given === undefined || given === 0 || given === '0') return writer.ms(writer.recordTs, 'of the record', 'time');
  if (typeof given === 'string') return writer.ms(epochMsOfInteger(given), given, 'timeUnixNano');
  return writer.ts(given, 'timeUnixNano');
}

/** The attributes that are texts, numbers or booleans. */
function attributesOf(value: unknown): Attributes {
  const attributes = new Map<string, string>();
  for (const entry of Array.isArray(value) ? value : []) {
    if (!isObject(entry) || typeof entry['key'] !== 'string') continue;
    const any = object(entry['value']);
    for (const kind of ['stringValue', 'intValue', 'boolValue', 'doubleValue']) {
      const scalar = member(any, kind);
      const plain = typeof scalar === 'string' || typeof scalar === 'number' || typeof scalar === 'boolean';
      if (plain) attributes.set(entry['key'], String(scalar));
    }
  }
  return attributes;
}

function list(parent: JsonObject, name: string, writer: PointWriter): JsonObject[] {
  const value = member(parent, name) ?? [];
  const objects = Array.isArray(value) ? value.filter(isObject) : [];
  if (!Array.isArray(value) || objects.length < value.length) {
    writer.fail('MALFORMED_OTLP', `"${name}" is no array of objects; send OTLP metrics as its JSON mapping has it`);
  }
  return objects;
}

/** By its name in JSON, or by its name in the protocol, which some producers write. */
function member(parent: JsonObject, name: string): unknown {
  return parent[name] ?? parent[name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] ?? undefined;
}

function object(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function pick(from: JsonObject, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}
