import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';

const SUFFIXES = { br: '.br', gzip: '.gz' } as const;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Ways in which a file can be sent, the smallest first. */
export type Encoding = keyof typeof SUFFIXES | 'identity';

/** A file of the page, in memory: there are few, and they are small. */
export interface BuiltFile {
  /** Below the folder of the page, with slashes. */
  readonly path: string;
  readonly type: string;
  readonly etag: string;
  readonly bodies: Readonly<Partial<Record<Encoding, Buffer>> & { identity: Buffer }>;
}

/** The files that the build of the page left in `root`, each with the compressed ones beside it. */
export function readBuiltFiles(root: string): BuiltFile[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll(sep, '/'));
  const present = new Set(paths);
  return paths.flatMap((path) => {
    const type = TYPES[extname(path)];
    if (type === undefined) return [];
    const identity = readFileSync(join(root, path));
    const compressed = Object.entries(SUFFIXES)
      .filter(([, suffix]) => present.has(path + suffix))
      .map(([encoding, suffix]) => [encoding, readFileSync(join(root, path + suffix))]);
    const etag = `"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`;
    return [{ path, type, etag, bodies: { identity, ...Object.fromEntries(compressed) } }];
  });
}

/** The smallest way to send a file that `Accept-Encoding` of a request allows. */
export function encodingFor(accepted: string | undefined, { bodies }: Pick<BuiltFile, 'bodies'>): Encoding {
  const named = (accepted ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.split(';').map((text) => text.trim()))
    .filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? ''))
    .map(([name]) => name);
  const encodings = ['br', 'gzip'] as const;
  return encodings.find((encoding) => bodies[encoding] && named.includes(encoding)) ?? 'identity';
}
