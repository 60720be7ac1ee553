import { Point } from '@influxdata/influxdb-client';
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

/** When what the producers say happened: noon of 2026-03-01. */
export const SAMPLE_TIME = Date.UTC(2026, 2, 1, 12);

/** Lines of InfluxDB's own client, with everything that it escapes. */
export function influxLines(): string {
  const points = [
    new Point('pump').tag('site', 'north').tag('id', 'pump-7').floatField('flow', 1.5).intField('starts', 12),
    new Point('disk usage')
      .tag('path', String.raw`C:\Program Files, x=1`)
      .uintField('used', 18_446_744_073_709)
      .booleanField('ok', true),
    new Point('system').tag('host', 'web-1').stringField('uptime', 'a "day", = 24 h').floatField('load1', -2.5e-7),
  ];
  return points.map((point) => point.timestamp(new Date(SAMPLE_TIME)).toLineProtocol()!).join('\n');
}

/** Metrics of OpenTelemetry's SDK as its exporters send them: one of each instrument, at the time of the call. */
export async function otlpMetrics(): Promise<{ readonly json: Buffer; readonly protobuf: Buffer }> {
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.DELTA),
    exportIntervalMillis: 3_600_000,
  });
  const provider = new MeterProvider({
    readers: [reader],
    resource: resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'a-1', 'os.type': 'linux' }),
    views: [
      { instrumentName: 'payload.size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
      {
        instrumentName: 'http.server.duration',
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [10, 100, 1000] } },
      },
    ],
  });
  const meter = provider.getMeter('sample', '1.0.0');
  meter.createObservableGauge('queue.length', { unit: '{message}' }).addCallback((result) => result.observe(7.5));
  meter.createCounter('orders', { unit: '{order}' }).add(3, { 'http.route': '/buy', paid: true });
  const duration = meter.createHistogram('http.server.duration', { unit: 'ms' });
  for (const ms of [5, 20, 40, 80, 500]) duration.record(ms, { 'http.route': '/' });
  meter.createHistogram('payload.size', { unit: 'By' }).record(1024);

  const { resourceMetrics } = await reader.collect();
  await provider.shutdown();
  return {
    json: Buffer.from(JsonMetricsSerializer.serializeRequest(resourceMetrics)!),
    protobuf: Buffer.from(ProtobufMetricsSerializer.serializeRequest(resourceMetrics)!),
  };
}
