import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const FILES = ['manifest.json', 'model.onnx', 'golden.json'] as const;

/** A folder that looks like a model package. */
export interface FoundPackage {
  /** `<family>/<name>`, by its place. */
  readonly name: string;
  readonly folder: string;
  /** Changes when a file of it does: sizes and times. */
  readonly signature: string;
}

/**
 * The packages `<family>/<name>/` in some folders, by name. Where two folders have one of the same name the later folder
 * counts. A folder that does not exist has none.
 */
export async function findPackages(folders: readonly string[]): Promise<FoundPackage[]> {
  const found = new Map<string, FoundPackage>();
  for (const root of folders) {
    for (const family of await foldersIn(root)) {
      for (const own of await foldersIn(join(root, family))) {
        const folder = join(root, family, own);
        const isPackage = ['manifest.json', 'model.onnx'].some((file) => existsSync(join(folder, file)));
        const name = `${family}/${own}`;
        if (isPackage) found.set(name, { name, folder, signature: await signatureOf(folder) });
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function foldersIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  // Links too: a package may live elsewhere on the disk.
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
}

async function signatureOf(folder: string): Promise<string> {
  const parts = FILES.map(async (file) => {
    const stats = await stat(join(folder, file)).catch(() => undefined);
    return stats ? `${stats.ino}:${stats.size}:${stats.mtimeMs}` : 'none';
  });
  return [folder, ...(await Promise.all(parts))].join('|');
}
