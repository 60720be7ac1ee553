const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const UNIT_MS = [31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1];

/** Milliseconds of `1h30m` or the like, or of a plain number of seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const match = text === '' ? null : DURATION.exec(text);
  if (!match) return undefined;
  return UNIT_MS.reduce((sum, unit, i) => sum + unit * Number(match[i + 1] ?? 0), 0);
}

/** The value of a number without a sign: `1e3`, `0x1F`, `Inf`, `NaN`; undefined for anything else. */
export function parseNumber(text: string): number | undefined {
  if (/^inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  // A leading zero means octal where Go reads whole numbers.
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^(?:0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i.test(text) ? Number(text) : undefined;
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|([abfnrtv\\"'])|([\s\S]?))/g;

/** The text of a quoted string as Go reads it; undefined for one with an escape that Go does not know. */
export function unquote(text: string): string | undefined {
  const inner = text.slice(1, -1);
  if (text.startsWith('`')) return inner;
  const bytes: Buffer[] = [];
  let last = 0;
  for (const match of inner.matchAll(ESCAPE)) {
    const [whole, hex, short, long, octal, simple] = match;
    bytes.push(Buffer.from(inner.slice(last, match.index)));
    last = match.index + whole.length;
    const byte = hex === undefined ? octal && Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
    const point = Number.parseInt(short ?? long ?? '', 16);
    if (typeof byte === 'number' && byte < 256) bytes.push(Buffer.from([byte]));
    else if (point <= 0x10_ff_ff) bytes.push(Buffer.from(String.fromCodePoint(point)));
    else if (simple !== undefined) bytes.push(Buffer.from(SIMPLE[simple]!));
    else return undefined;
  }
  bytes.push(Buffer.from(inner.slice(last)));
  return Buffer.concat(bytes).toString('utf8');
}
