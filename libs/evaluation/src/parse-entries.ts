import { z } from 'zod';

/**
 * Reads the list of sets that a manifest is: at least one, each under a name of its own.
 *
 * @throws Error naming the set and the key that is wrong, all at once.
 */
export function parseEntries<Entry extends { name: string }>(schema: z.ZodType<Entry>, json: unknown): Entry[] {
  const result = z.array(schema).min(1, 'must list at least one set').safeParse(json);
  if (!result.success) {
    const entries = Array.isArray(json) ? (json as { name?: string }[]) : [];
    const lines = result.error.issues.map(({ path: [index, ...keys], message }) => {
      const label = typeof index === 'number' ? (entries[index]?.name ?? `entry ${index}`) : 'manifest';
      return `  ${label}: ${keys.length > 0 ? `${keys.join('.')} ` : ''}${message}`;
    });
    throw new Error(`the manifest is wrong:\n${lines.join('\n')}`);
  }
  const twice = result.data.find((entry, i) => result.data.findIndex((other) => other.name === entry.name) !== i);
  if (twice) throw new Error(`the manifest is wrong:\n  ${twice.name}: is listed twice`);
  return result.data;
}
