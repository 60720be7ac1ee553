import { StateReader, StateWriter, type Stateful } from '@app/detectors';

/** Writes a part with its length, so that a reader can pass over a part that it does not know. */
export function saveBytes(to: StateWriter, bytes: Uint8Array): void {
  to.number(bytes.length);
  to.array(bytes);
}

/** Reads what `saveBytes` wrote. */
export function loadBytes(from: StateReader): Uint8Array {
  const bytes = new Uint8Array(from.number());
  from.array(bytes);
  return bytes;
}

/** Writes the state of a part, or that there is none. */
export function saveSection(to: StateWriter, part: Stateful | undefined): void {
  if (!part) return saveBytes(to, new Uint8Array(0));
  const section = new StateWriter();
  part.save(section);
  saveBytes(to, section.finish());
}

/**
 * Restores a part from its section. Where the section is empty, or of another version of the part, the part stays as it
 * is: it begins anew rather than stopping the stream.
 *
 * @param fresh makes the part that is loaded.
 * @returns undefined when nothing was restored.
 */
export function loadSection<T extends Stateful>(section: Uint8Array, fresh: () => T): T | undefined {
  if (section.length === 0) return undefined;
  const part = fresh();
  try {
    const from = new StateReader(section);
    part.load(from);
    from.finish();
    return part;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A text as UTF-8. */
export function saveText(to: StateWriter, text: string): void {
  saveBytes(to, new TextEncoder().encode(text));
}

/** Reads what `saveText` wrote. */
export function loadText(from: StateReader): string {
  return new TextDecoder().decode(loadBytes(from));
}
