// npm run page:pictures [-- URL]: takes the pictures of docs/web.md from a running Tidecast ("npm start -- --demo"), and
// prints how long its page takes to show something and how much it loads. Needs Chromium (CHROMIUM, or Debian's).
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { orExplain, prepare, PrepareError, ROOT } from './prepare.mjs';

const [url = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const FOLDER = join(ROOT, 'docs', 'images');
const FIRST_LOADS = 5;
const PICTURES = [
  { name: 'item', hash: '#/items/nyc-taxi', width: 1280, height: 800, colorScheme: 'light' },
  { name: 'item-dark', hash: '#/items/nyc-taxi', width: 1280, height: 800, colorScheme: 'dark' },
  { name: 'item-phone', hash: '#/items/nyc-taxi', width: 360, height: 740, colorScheme: 'light' },
  { name: 'streams', hash: '#/streams', width: 1280, height: 600, colorScheme: 'light' },
];

await orExplain(prepare);
await orExplain(main);

async function main() {
  const { chromium } = await import('playwright-core');
  const candidates = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const executablePath = candidates.find((path) => path && existsSync(path));
  if (!executablePath) throw new PrepareError('There is no Chromium: install it, or set CHROMIUM to its path.');
  if (!(await fetch(url).catch(() => undefined))?.ok) {
    throw new PrepareError(`Nothing answers at ${url}: start it with "npm start -- --demo", or give its address.`);
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    await measure(browser);
    mkdirSync(FOLDER, { recursive: true });
    for (const picture of PICTURES) await take(browser, picture);
  } finally {
    await browser.close();
  }
}

// Each in a context of its own: nothing is cached.
async function measure(browser) {
  const paints = [];
  let bytes = 0;
  for (let n = 0; n < FIRST_LOADS; n++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(url, { waitUntil: 'load' });
    const seen = await page.waitForFunction(() => {
      const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
      const files = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
      const loaded = files.filter(({ name }) => !name.includes('/api/'));
      return paint && { paint, bytes: loaded.reduce((sum, { transferSize }) => sum + transferSize, 0) };
    });
    const found = await seen.jsonValue();
    paints.push(found.paint);
    bytes = found.bytes;
    await context.close();
  }
  const sorted = paints.toSorted((a, b) => a - b).map((ms) => Math.round(ms));
  console.log(`first contentful paint: median ${sorted[Math.floor(sorted.length / 2)]} ms of ${sorted.join(', ')} ms`);
  console.log(`first load: ${(bytes / 1_000).toFixed(1)} kB over the wire`);
}

async function take(browser, { name, hash, width, height, colorScheme }) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  await page.goto(`${url}/${hash}`);
  await page.locator('main .card').first().waitFor();
  await page.waitForTimeout(2_500);
  const path = join(FOLDER, `web-${name}.png`);
  await page.screenshot({ path });
  console.log(path);
  await context.close();
}
