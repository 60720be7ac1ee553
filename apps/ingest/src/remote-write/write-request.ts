import { PlatformError, messageOf } from '@app/observability';
import protobuf from 'protobufjs';
import { uncompress } from 'snappyjs';

/**
 * What is read of https://github.com/prometheus/prometheus/blob/v2.42.0/prompb/remote.proto (remote write 1.0), field
 * numbers as there. Exemplars and metadata are passed over.
 */
const PROTO = `
syntax = "proto3";
message WriteRequest { repeated TimeSeries timeseries = 1; }
message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Histogram histograms = 4; }
message Label { string name = 1; string value = 2; }
message Sample { double value = 1; int64 timestamp = 2; }
message Histogram { int64 timestamp = 15; }
`;
const WriteRequest = protobuf.parse(PROTO).root.lookupType('WriteRequest');

/** One series of a request. */
export interface WrittenSeries {
  readonly labels: ReadonlyMap<string, string>;
  /** Times in epoch milliseconds; NaN, which may say that the series ended, is a value here. */
  readonly samples: readonly { readonly timestamp: number; readonly value: number }[];
  /** Native histograms, of which nothing is read. */
  readonly histograms: number;
}

interface DecodedSeries {
  readonly labels: readonly { readonly name: string; readonly value: string }[];
  /** Times are numbers, or `Long` objects that turn into one. */
  readonly samples: readonly { readonly timestamp: unknown; readonly value: number }[];
  readonly histograms: readonly unknown[];
}

/**
 * Decodes the body of a remote write: a protobuf message in snappy's block format.
 *
 * @param limit most bytes that it may become.
 * @throws PlatformError INVALID_REQUEST for what is none, PAYLOAD_TOO_LARGE.
 */
export function decodeWriteRequest(body: Buffer, limit: number): WrittenSeries[] {
  const message = unsnap(body, limit);
  try {
    const { timeseries } = WriteRequest.decode(message) as unknown as { readonly timeseries: readonly DecodedSeries[] };
    return timeseries.map(toSeries);
  } catch (error) {
    throw unreadable(`its content is no WriteRequest of remote write 1.0 (${messageOf(error).slice(0, 160)})`, error);
  }
}

function toSeries({ labels, samples, histograms }: DecodedSeries): WrittenSeries {
  return {
    labels: new Map(labels.map(({ name, value }) => [name, value])),
    samples: samples.map(({ timestamp, value }) => ({ timestamp: Number(timestamp), value })),
    histograms: histograms.length,
  };
}

function unsnap(body: Buffer, limit: number): Buffer {
  try {
    // The block begins with the length of what is in it, as a varint.
    const length = protobuf.Reader.create(body).uint32();
    if (length > limit) throw tooLarge(length, limit);
    return uncompress(body, limit);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw unreadable('it is not compressed by snappy in its block format', error);
  }
}

function tooLarge(length: number, limit: number): PlatformError {
  const message = `the body becomes ${length} bytes, more than ${limit}; send fewer samples at once`;
  return new PlatformError('PAYLOAD_TOO_LARGE', message);
}

function unreadable(why: string, cause: unknown): PlatformError {
  return new PlatformError('INVALID_REQUEST', `the body of the remote write can't be read: ${why}`, {}, { cause });
}
