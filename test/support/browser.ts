import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
];

/** The Chromium of this machine: CHROMIUM, or where distributions put it. */
export const chromiumPath = [process.env.CHROMIUM ?? '', ...CANDIDATES].find((path) => path !== '' && existsSync(path));

/**
 * `describe` for what needs a real browser. Without one the tests are skipped and say so; with `CI=true` they fail, so that
 * no green run hides them.
 */
export function describeWithBrowser(
  name: string,
  body: (open: (options?: BrowserContextOptions) => Promise<OpenPage>) => void,
): void {
  const why = 'no Chromium: install Debian package chromium, or set CHROMIUM to its path';
  if (!chromiumPath) {
    if (process.env.CI === 'true') describe(name, () => it('has a browser', () => Promise.reject(new Error(why))));
    else describe.skip(`${name} (skipped: ${why})`, () => body(() => Promise.reject(new Error(why))));
    return;
  }
  describe(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      // A sandbox can't be had by root, nor in most containers; only our own page is opened.
      browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
    }, 60_000);
    afterAll(() => browser.close());
    body(async (options = {}) => {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        locale: 'en-GB',
        timezoneId: 'UTC',
        ...options,
      });
      context.setDefaultTimeout(15_000);
      return watched(await context.newPage());
    });
  });
}

/** A page, and what went wrong in it. */
export interface OpenPage {
  readonly page: Page;
  /** Errors that were thrown, scripts that the policy refused, dialogs that opened. */
  readonly faults: readonly string[];
}

function watched(page: Page): OpenPage {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // An answer with an error status is told here as well; what the page makes of it is another matter.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(message.text());
  });
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, faults };
}
