import { epochMsOfInteger } from '../../timestamps.js';
import type { PointWriter } from '../codec.js';
import type { Naming } from '../naming.js';
import { keptLabels, seriesKey } from '../series-name.js';
import { LineSyntaxError, parseLine, type ParsedLine } from './parse-line.js';

const TRUE = new Set(['t', 'T', 'true', 'True', 'TRUE']);
const FALSE = new Set(['f', 'F', 'false', 'False', 'FALSE']);
const WHOLE = /^[+-]?\d+[iu]$/;

/** Whether a text that is no JSON may be line protocol: its first line has a space and an equals sign. */
export function looksLikeLines(text: string): boolean {
  const line = linesOf(text)[0];
  return line !== undefined && line.includes('=') && line.trim().includes(' ');
}

/** The lines of a text, without blank ones and comments. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
}

/**
 * Influx line protocol, as Telegraf and InfluxDB's clients send it. By default the item is the series key
 * (`cpu,host=web-1`), a channel is a field, and the tags are labels. Booleans are 1 and 0; texts are passed over.
 */
export class LineProtocolCodec {
  constructor(private readonly naming: Naming) {}

  /** Decodes all lines of a record: a bad line costs itself alone. */
  decode(text: string, writer: PointWriter): void {
    const lines = linesOf(text);
    if (lines.length === 0) writer.fail('EMPTY_RECORD', 'the record has no lines; leave it out');
    for (const [i, line] of lines.entries()) {
      if (lines.length > 1) writer.element(i);
      this.decodeLine(line, writer);
      if (writer.full) break;
    }
    writer.element(undefined);
  }

  decodeLine(line: string, writer: PointWriter): void {
    let parsed: ParsedLine;
    try {
      parsed = parseLine(line.trim());
    } catch (error) {
      if (!(error instanceof LineSyntaxError)) throw error;
      writer.fail('MALFORMED_LINE', `the line is no line protocol: ${error.message}; send "measurement,tag=a field=1"`);
      return;
    }
    this.#decode(parsed, writer);
  }

  #decode({ measurement, tags, fields, timestamp }: ParsedLine, writer: PointWriter): void {
    const lookup = (name: string) => {
      if (name === 'series') return seriesKey(measurement, tags);
      return name === 'measurement' ? measurement : tags.get(name);
    };
    const itemId = this.naming.item(writer, lookup);
    const ms = timestamp === undefined ? writer.recordTs : epochMsOfInteger(timestamp);
    const ts = writer.ms(ms, timestamp ?? 'of the record', 'timestamp');
    if (itemId === undefined || ts === undefined) return;

    const channels: string[] = [];
    for (const [field, text] of fields) {
      if (text.startsWith('"')) continue;
      const channel = this.naming.channel(writer, (name) => (name === 'field' ? field : lookup(name)));
      if (channel === undefined) continue;
      channels.push(channel);
      writer.value(itemId, channel, ts, valueOf(text), `field ${field}`);
    }
    const labels = keptLabels(tags);
    if (channels.length > 0 && labels) writer.declare(itemId, channels, { labels });
  }
}

function valueOf(text: string): string | number {
  if (WHOLE.test(text)) return text.slice(0, -1);
  if (TRUE.has(text)) return 1;
  return FALSE.has(text) ? 0 : text;
}
