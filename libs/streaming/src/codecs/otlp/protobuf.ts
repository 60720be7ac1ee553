import protobuf from 'protobufjs';

/**
 * What is read of https://github.com/open-telemetry/opentelemetry-proto (v1), field numbers as there. Fields that are not
 * named are passed over: exemplars, descriptions, and attributes that are lists or maps.
 */
const PROTO = `
syntax = "proto3";
message MetricsData { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeMetrics { repeated Metric metrics = 2; }
message Metric {
  string name = 1;
  string unit = 3;
  oneof data {
    Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9;
    ExponentialHistogram exponential_histogram = 10; Summary summary = 11;
  }
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum { repeated NumberDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message Histogram { repeated HistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message ExponentialHistogram { repeated ExponentialHistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message Summary { repeated SummaryDataPoint data_points = 1; }
message NumberDataPoint {
  fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
  repeated KeyValue attributes = 7;
  uint32 flags = 8;
}
message HistogramDataPoint {
  fixed64 time_unix_nano = 3;
  fixed64 count = 4;
  optional double sum = 5;
  repeated fixed64 bucket_counts = 6;
  repeated double explicit_bounds = 7;
  repeated KeyValue attributes = 9;
  uint32 flags = 10;
  optional double min = 11;
  optional double max = 12;
}
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1;
  fixed64 time_unix_nano = 3;
  fixed64 count = 4;
  optional double sum = 5;
  uint32 flags = 10;
  optional double min = 12;
  optional double max = 13;
}
message SummaryDataPoint {
  fixed64 time_unix_nano = 3;
  fixed64 count = 4;
  double sum = 5;
  repeated ValueAtQuantile quantile_values = 6;
  repeated KeyValue attributes = 7;
  uint32 flags = 8;
}
message ValueAtQuantile { double quantile = 1; double value = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
`;

const RESOURCE_METRICS = 0x0a;
const MetricsData = protobuf.parse(PROTO).root.lookupType('MetricsData');

/**
 * Whether bytes have the frame of an OTLP request in protobuf: nothing but length-delimited fields of number 1, which
 * fill them to the last byte.
 */
export function looksLikeOtlp(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length && bytes[at] === RESOURCE_METRICS) {
    let length = 0;
    let shift = 0;
    do {
      const byte = bytes[++at] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    } while (shift < 35 && (bytes[at] ?? 0) & 0x80);
    at += 1 + length;
  }
  return bytes.length > 0 && at === bytes.length;
}

/**
 * An OTLP request in the form that it has in JSON: 64-bit numbers as texts, fields that are not set absent.
 *
 * @throws Error saying what is no protobuf.
 */
export function readOtlp(bytes: Buffer): Record<string, unknown> {
  return MetricsData.toObject(MetricsData.decode(bytes), { longs: String });
}
