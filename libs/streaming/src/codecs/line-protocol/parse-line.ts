/** A line of the InfluxDB line protocol, taken apart; nothing in it is checked but the grammar. */
export interface ParsedLine {
  readonly measurement: string;
  readonly tags: ReadonlyMap<string, string>;
  /** By name, as written: `1.5`, `3i`, `t`, `"text"`. */
  readonly fields: ReadonlyMap<string, string>;
  /** As written; undefined where the line has none. */
  readonly timestamp: string | undefined;
}

/** Why a line is none: what is wrong and where, from 0. */
export class LineSyntaxError extends Error {
  override readonly name = 'LineSyntaxError';

  constructor(what: string, at: number) {
    super(`${what} at character ${at}`);
  }
}

/**
 * Parses `measurement[,tag=value…] field=value[,field=value…] [timestamp]`. A backslash escapes a comma, a space or an
 * equals sign in names and tag values; in quoted texts a quote or a backslash.
 * Grammar: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol
 *
 * @throws LineSyntaxError
 */
export function parseLine(line: string): ParsedLine {
  const cursor = new Cursor(line);
  const measurement = cursor.name(', ');
  if (measurement === '') throw cursor.error('the measurement is empty');
  const tags = new Map<string, string>();
  while (cursor.skipComma()) {
    const [tag, value] = [cursor.key('tag'), cursor.name(', ')];
    // A tag with no value is left out, as InfluxDB has no such tags either.
    if (value !== '') tags.set(tag, value);
  }
  if (!cursor.skipSpaces()) throw cursor.error('no fields');

  const fields = new Map<string, string>();
  do fields.set(cursor.key('field'), cursor.fieldValue());
  while (cursor.skipComma());
  const timestamp = cursor.rest();
  if (timestamp !== undefined && !/^-?\d+$/.test(timestamp)) throw cursor.error('the timestamp is no whole number');
  return { measurement, tags, fields, timestamp };
}

class Cursor {
  #at = 0;

  constructor(private readonly line: string) {}

  error(what: string): LineSyntaxError {
    return new LineSyntaxError(what, this.#at);
  }

  skipComma(): boolean {
    if (this.line[this.#at] !== ',') return false;
    this.#at++;
    return true;
  }

  skipSpaces(): boolean {
    const start = this.#at;
    while (this.line[this.#at] === ' ') this.#at++;
    return this.#at > start;
  }

  /** A name before `=`, which it passes. */
  key(kind: 'tag' | 'field'): string {
    const name = this.name('=, ');
    if (name === '') throw this.error(`the name of a ${kind} is empty`);
    if (this.line[this.#at] !== '=') throw this.error(`the ${kind} ${JSON.stringify(name.slice(0, 60))} has no "="`);
    this.#at++;
    return name;
  }

  /** Text up to one of the ends, without the escapes; a backslash before anything else is one. */
  name(ends: string): string {
    const { line } = this;
    let text = '';
    let from = this.#at;
    for (; this.#at < line.length && !ends.includes(line[this.#at]!); this.#at++) {
      if (line[this.#at] !== '\\' || !',= '.includes(line[this.#at + 1] ?? '\\')) continue;
      text += line.slice(from, this.#at++);
      from = this.#at;
    }
    return text + line.slice(from, this.#at);
  }

  fieldValue(): string {
    const from = this.#at;
    if (this.line[from] === '"') this.#passQuoted();
    while (this.#at < this.line.length && !', '.includes(this.line[this.#at]!)) this.#at++;
    if (this.#at === from) throw this.error('a field has no value');
    return this.line.slice(from, this.#at);
  }

  #passQuoted(): void {
    const start = this.#at++;
    for (; this.#at < this.line.length; this.#at++) {
      if (this.line[this.#at] === '\\') this.#at++;
      else if (this.line[this.#at] === '"') {
        this.#at++;
        return;
      }
    }
    this.#at = start;
    throw this.error('a text without its closing quote');
  }

  rest(): string | undefined {
    const text = this.line.slice(this.#at).trim();
    return text === '' ? undefined : text;
  }
}
