import type { JsonObject, PointWriter } from './codec.js';
import { fitting } from './series-name.js';
import { Template } from './template.js';

/** How rows of tables, and flat objects like them, become points. */
export interface RowSettings {
  /** Template of item ids; without it a column `item_id` or `unique_id`, or the table and the key without its time. */
  readonly item: string | undefined;
  /** Column of times; without it `ts` or `ds`, a time in the key, or the time of the change. */
  readonly time: string | undefined;
  /** Columns of values; without it all columns of numbers that say nothing else. */
  readonly channels: readonly string[] | undefined;
  /** Template of channels; `{column}` is the name of the column. */
  readonly channel: string;
}

/** A row as a change of it was told. */
export interface Row {
  /** Values by column: numbers, texts, booleans and null; times are texts or numbers. */
  readonly columns: JsonObject;
  /** What templates may name besides the columns: `table`, `schema`, `db`. */
  readonly source: Readonly<Record<string, string>>;
  /** Columns of its key, where they are known. */
  readonly key: JsonObject | undefined;
  /** Epoch milliseconds of the change. */
  readonly changedAt: number;
}

const ITEM_COLUMNS = ['item_id', 'unique_id'];
const TIME_COLUMNS = ['ts', 'ds'];
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:/;

/** Reads points from rows by settings, or by what columns are called. */
export class RowReader {
  readonly #item: Template | undefined;
  readonly #channel: Template;

  constructor(private readonly settings: RowSettings) {
    this.#item = settings.item === undefined ? undefined : new Template(settings.item);
    this.#channel = new Template(settings.channel);
  }

  /** Whether flat objects are told to be rows. */
  get takesObjects(): boolean {
    return this.#item !== undefined;
  }

  read(row: Row, writer: PointWriter): void {
    const time = this.settings.time ?? timeColumnOf(row);
    const itemId = this.#itemId(row, time, writer);
    const ts =
      time === undefined
        ? writer.ms(row.changedAt, '(missing)', 'time of the change')
        : writer.ts(row.columns[time], time);
    if (itemId === undefined || ts === undefined) return;

    const columns = this.settings.channels ?? this.#numericColumns(row, time);
    const known = columns.filter((column) => row.columns[column] !== undefined);
    if (known.length === 0) {
      writer.fail('EMPTY_RECORD', 'the row has no column of numbers; name those with values in ROW_CHANNELS');
    }
    for (const column of known) {
      const channel = this.#channel.fill((name) => (name === 'column' ? column : text(row, name)));
      const value = row.columns[column];
      if (typeof channel === 'string') {
        writer.value(itemId, fitting(channel), ts, typeof value === 'boolean' ? Number(value) : value, column);
      } else writer.fail('CHANNEL_INVALID', lacking('ROW_CHANNEL', channel.missing));
    }
  }

  #itemId(row: Row, time: string | undefined, writer: PointWriter): string | undefined {
    if (!this.#item) {
      const column = ITEM_COLUMNS.find((candidate) => row.columns[candidate] !== undefined);
      if (column !== undefined) return writer.itemId(row.columns[column], column);
      const names = Object.keys(row.key ?? {}).filter((name) => name !== time);
      const keys = names.map((name) => text(row, name) ?? '');
      if (keys.length > 0) return writer.itemId(fitting([tableOf(row), ...keys].join('/')), 'key');
      writer.fail('ITEM_ID_INVALID', 'the row has neither a column "item_id" nor a key; set ROW_ITEM');
      return undefined;
    }
    const name = this.#item.fill((part) => text(row, part));
    if (typeof name === 'string') return writer.itemId(fitting(name), 'ROW_ITEM');
    writer.fail('ITEM_ID_INVALID', lacking('ROW_ITEM', name.missing));
    return undefined;
  }

  #numericColumns({ columns, key }: Row, time: string | undefined): string[] {
    const other = new Set([...ITEM_COLUMNS, ...(this.#item?.names ?? []), ...this.#channel.names]);
    if (time !== undefined) other.add(time);
    for (const name of Object.keys(key ?? {})) other.add(name);
    return Object.keys(columns).filter(
      (column) => !other.has(column) && (typeof columns[column] === 'number' || columns[column] === null),
    );
  }
}

/** Tables of measurements have the time in their key; one of two times would be a guess. */
function timeColumnOf({ columns, key }: Row): string | undefined {
  const column = TIME_COLUMNS.find((candidate) => columns[candidate] !== undefined);
  if (column !== undefined) return column;
  const times = Object.keys(key ?? {}).filter(
    (name) => typeof columns[name] === 'string' && MOMENT.test(columns[name]),
  );
  return times.length === 1 ? times[0] : undefined;
}

function tableOf({ source }: Row): string {
  return [source['schema'], source['table']].filter((part) => part !== undefined && part !== '').join('.');
}

function text({ columns, key, source }: Row, name: string): string | undefined {
  const value = columns[name] ?? key?.[name] ?? source[name];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

function lacking(setting: string, missing: string): string {
  return `the row has no "${missing}", which ${setting} asks for; change the setting`;
}
