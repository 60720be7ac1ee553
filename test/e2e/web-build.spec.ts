import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { RestProcess } from '../support/rest-process.js';

const BUILT = 'dist/apps/web';
const FIRST_LOAD_BYTES = 300_000;

describe('the built page', () => {
  const html = readFileSync(join(BUILT, 'index.html'), 'utf8');
  const assets = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, path]) => path!);

  it('loads at most 300 kB, compressed', () => {
    const files = ['index.html', ...assets];
    const bytes = files.reduce((sum, path) => sum + readFileSync(join(BUILT, `${path}.gz`)).length, 0);

    expect(files.some((path) => path.endsWith('.js'))).toBe(true);
    expect(files.some((path) => path.endsWith('.css'))).toBe(true);
    expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_BYTES);
  });

  it('has the same in its compressed files', () => {
    for (const path of ['index.html', ...assets]) {
      expect(gunzipSync(readFileSync(join(BUILT, `${path}.gz`))).equals(readFileSync(join(BUILT, path)))).toBe(true);
    }
  });

  it('has no script and no style inside of its HTML', () => {
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|style="/i);
  });

  it('is served: the page fresh, its files for ever, compressed where wanted, with a strict policy', async () => {
    const rest = await RestProcess.start({ env: { API_KEYS: 'always' }, forecasterUrl: 'http://127.0.0.1:9' });
    try {
      const page = await fetch(rest.url);
      expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-cache']);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
      expect(await page.text()).toBe(html);

      const script = assets.find((path) => path.endsWith('.js'))!;
      const answer = await fetch(`${rest.url}/${script}`, { headers: { 'accept-encoding': 'br' } });
      expect(answer.headers.get('content-encoding')).toBe('br');
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect(await answer.text()).toBe(readFileSync(join(BUILT, script), 'utf8'));

      const etag = page.headers.get('etag')!;
      expect((await fetch(rest.url, { headers: { 'if-none-match': etag } })).status).toBe(304);
      expect((await fetch(`${rest.url}/assets/nothing.js`)).status).not.toBe(200);
      expect((await fetch(`${rest.url}/assets/..%2findex.html.gz`)).status).not.toBe(200);
    } finally {
      await rest.stop();
    }
  }, 60_000);
});
