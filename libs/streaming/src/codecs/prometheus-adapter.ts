import { isObject, type JsonObject, type ObjectCodec, type PointWriter } from './codec.js';
import type { Naming } from './naming.js';
import { keptLabels, seriesName, type Labels } from './series-name.js';

const NAME_LABEL = '__name__';

/**
 * `{"timestamp", "name", "labels", "value"}` of prometheus-kafka-adapter, JSON or Avro, where the value is a text. By
 * default the item is the series (`up{instance="a",job="b"}`) and its only channel is `value`. `NaN`, which marks a
 * series that ended, is a gap.
 */
export class PrometheusAdapterCodec implements ObjectCodec {
  readonly name = 'prometheus-kafka-adapter';

  constructor(private readonly naming: Naming) {}

  recognises(record: JsonObject): boolean {
    return isObject(record['labels']) && record['timestamp'] !== undefined && typeof record['name'] === 'string';
  }

  decode(record: JsonObject, writer: PointWriter): void {
    const labels = new Map<string, string>();
    for (const [label, text] of Object.entries(record['labels'] as JsonObject)) {
      if (typeof text === 'string' && label !== NAME_LABEL) labels.set(label, text);
    }

    const place = prometheusPlace(record['name'] as string, labels, this.naming, writer);
    const ts = writer.ts(record['timestamp'], 'timestamp');
    if (!place || ts === undefined) return;
    if (record['value'] === undefined) {
      writer.fail('EMPTY_RECORD', 'the record has no "value"; send the sample as a text such as "1.5"');
      return;
    }
    const value = record['value'] === 'NaN' ? null : record['value'];
    writer.value(place.itemId, place.channel, ts, value, 'value');
    if (place.labels) writer.declare(place.itemId, [place.channel], { labels: place.labels });
  }
}

/** Where the samples of a Prometheus series go. */
export interface PrometheusPlace {
  readonly itemId: string;
  readonly channel: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The item and channel of a Prometheus series, the name apart from the labels; undefined after reporting. */
export function prometheusPlace(
  name: string,
  labels: Labels,
  naming: Naming,
  writer: PointWriter,
): PrometheusPlace | undefined {
  const lookup = (part: string) => {
    if (part === 'series') return seriesName(name, labels);
    return part === NAME_LABEL ? name : labels.get(part);
  };
  const itemId = naming.item(writer, lookup);
  const channel = naming.channel(writer, lookup);
  if (itemId === undefined || channel === undefined) return undefined;
  const kept = keptLabels(labels);
  return { itemId, channel, ...(kept && { labels: kept }) };
}
