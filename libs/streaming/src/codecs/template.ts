const PLACEHOLDER = /\{([^{}]+)\}/g;

/** Looks a name of a template up; undefined when the record has no such name. */
export type Lookup = (name: string) => string | undefined;

/**
 * A name made of parts of a record: `{host}/{measurement}`. What stands between braces is looked up, the rest is kept.
 * How item ids and channels are named is configuration of this kind for every format that has no item ids of its own.
 */
export class Template {
  /** The names between braces, in order. */
  readonly names: readonly string[];
  readonly #literals: readonly string[];

  constructor(readonly text: string) {
    this.names = [...text.matchAll(PLACEHOLDER)].map(([, name]) => name!);
    this.#literals = text.split(PLACEHOLDER).filter((_, i) => i % 2 === 0);
  }

  /** The name, or what the record lacks. */
  fill(lookup: Lookup): string | { readonly missing: string } {
    let text = this.#literals[0]!;
    for (const [i, name] of this.names.entries()) {
      const value = lookup(name);
      if (value === undefined) return { missing: name };
      text += value + this.#literals[i + 1]!;
    }
    return text;
  }
}
