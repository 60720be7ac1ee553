import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyPackage } from './fixtures/tiny-model.js';
import { readManifest } from './model-manifest.js';

describe('readManifest', () => {
  let folder: string;
  const read = (change?: (manifest: Record<string, unknown>) => Record<string, unknown>) =>
    readManifest(writeTinyPackage(folder, 'tiny', { change }), 'ttm/tiny');

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-manifest-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads what a package says of itself', async () => {
    await expect(read()).resolves.toMatchObject({ name: 'ttm/tiny', contextLength: 512, predictionLength: 96 });
  });

  it('allows keys that it does not know', async () => {
    await expect(read((manifest) => ({ ...manifest, architecture: { d_model: 1 } }))).resolves.toBeDefined();
  });

  it('names the package and all wrong keys at once', async () => {
    const wrong = read((manifest) => ({ ...manifest, contextLength: -1, opset: 'new', licence: undefined }));
    await expect(wrong).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(
        /^model package ttm\/tiny: manifest\.json is wrong: .*contextLength.*opset.*licence/,
      ),
    });
  });

  it.each([
    ['descending levels', { levels: [0.5, 0.1] }, /levels: must ascend/],
    [
      'a digest that is none',
      { files: { 'model.onnx': { sha256: 'x', bytes: 1 } } },
      /files\.model\.onnx\.sha256: must be 64/,
    ],
    ['another schema version', { schemaVersion: 2 }, /schemaVersion/],
    ['a name without family', { name: 'base' }, /name: must be <family>\/<name>/],
  ])('refuses %s', async (_, keys, message) => {
    await expect(read((manifest) => ({ ...manifest, ...keys }))).rejects.toThrow(message);
  });

  it('refuses a manifest that belongs to another folder', async () => {
    await expect(read((manifest) => ({ ...manifest, name: 'ttm/other' }))).rejects.toThrow(
      'manifest.json is of ttm: ttm/other; its folder says ttm/tiny',
    );
  });

  it('says when there is none, or it is not JSON', async () => {
    const home = writeTinyPackage(folder);
    writeFileSync(join(home, 'manifest.json'), '{');
    await expect(readManifest(home, 'ttm/tiny')).rejects.toThrow(/ttm\/tiny: manifest\.json can't be read: .*JSON/);
    rmSync(join(home, 'manifest.json'));
    await expect(readManifest(home, 'ttm/tiny')).rejects.toThrow(/can't be read: .*ENOENT/);
  });
});
