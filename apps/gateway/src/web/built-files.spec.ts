import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodingFor, readBuiltFiles } from './built-files.js';

describe('readBuiltFiles', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'page-'));
    mkdirSync(join(root, 'assets'));
    writeFileSync(join(root, 'index.html'), '<p>');
    writeFileSync(join(root, 'assets/a-1.js'), 'a()');
    writeFileSync(join(root, 'assets/a-1.js.br'), 'br');
    writeFileSync(join(root, 'assets/notes.txt'), 'not served');
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('knows each file of a known kind with its type and what lies compressed beside it', () => {
    const files = readBuiltFiles(root).map(({ path, type, bodies }) => [path, type, Object.keys(bodies)]);

    expect(files.toSorted(([a], [b]) => String(a).localeCompare(String(b)))).toEqual([
      ['assets/a-1.js', 'text/javascript; charset=utf-8', ['identity', 'br']],
      ['index.html', 'text/html; charset=utf-8', ['identity']],
    ]);
  });
});

describe('encodingFor', () => {
  const bodies = { identity: Buffer.from(''), br: Buffer.from(''), gzip: Buffer.from('') };

  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip, deflate, br', 'br'],
    ['GZIP', 'gzip'],
    ['br;q=0, gzip;q=0.5', 'gzip'],
    ['br;q=0.0', 'identity'],
    ['brotli', 'identity'],
  ])('of %j is %s', (accepted, expected) => {
    expect(encodingFor(accepted, { bodies })).toBe(expected);
  });

  it('is none where the file was not compressed', () => {
    expect(encodingFor('br, gzip', { bodies: { identity: bodies.identity } })).toBe('identity');
  });
});
