import { RE2JS } from 're2js';

/** How a matcher compares: `=`, `!=`, `=~`, `!~`. */
export type MatchOp = '=' | '!=' | '=~' | '!~';

/** One condition of a selector. A label that a series does not have counts as empty. */
export class Matcher {
  readonly #pattern: RE2JS | undefined;
  readonly #verdicts = new Map<string, boolean>();

  /** @throws RE2JSException for a regular expression that Go would not take either. */
  constructor(
    readonly label: string,
    readonly op: MatchOp,
    readonly value: string,
  ) {
    this.#pattern = op === '=~' || op === '!~' ? anchored(value) : undefined;
  }

  matches(value: string): boolean {
    const pattern = this.#pattern;
    if (!pattern) return (value === this.value) === (this.op === '=');
    // Few different values come up many times: those of a label of a thousand series.
    let found = this.#verdicts.get(value);
    if (found === undefined) {
      found = pattern.matches(value);
      if (this.#verdicts.size < MOST_VERDICTS) this.#verdicts.set(value, found);
    }
    return found === (this.op === '=~');
  }

  /** The only values that can match, where the matcher says so: of `a`, or of `a|b` as dashboards write it. */
  get candidates(): readonly string[] | undefined {
    if (this.op === '=') return [this.value];
    if (this.op !== '=~') return undefined;
    const parts = this.value.split('|').map(unescape);
    return parts.every((part) => part !== undefined) ? parts : undefined;
  }

  toString(): string {
    return `${this.label}${this.op}${JSON.stringify(this.value)}`;
  }
}

const MOST_VERDICTS = 10_000;

/** A regular expression of Go that must match all of a text: in linear time, whoever wrote it. */
export function anchored(pattern: string): RE2JS {
  return RE2JS.compile(`^(?:${pattern})$`);
}

/** The text that a pattern without any operator stands for. */
function unescape(pattern: string): string | undefined {
  if (!/^(?:[^\\.+*?()[\]{}|^$]|\\[\\.+*?()[\]{}|^$/-])*$/.test(pattern)) return undefined;
  return pattern.replaceAll(/\\(.)/g, '$1');
}
