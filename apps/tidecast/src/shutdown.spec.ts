import { jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Shutdown } from './shutdown.js';

describe('Shutdown', () => {
  let told: string;

  beforeEach(() => {
    told = '';
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      told += String(text);
      return true;
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it('undoes what was started last first, and once only', async () => {
    const undone: string[] = [];
    const shutdown = new Shutdown();
    for (const name of ['database', 'server', 'demo']) shutdown.push(async () => void undone.push(name));

    await Promise.all([shutdown.run(), shutdown.run()]);

    expect(undone).toEqual(['demo', 'server', 'database']);
  });

  it('goes on after a step that fails, and says so', async () => {
    const undone: string[] = [];
    const shutdown = new Shutdown();
    shutdown.push(async () => void undone.push('database'));
    shutdown.push(() => Promise.reject(new Error('no broker')));

    await shutdown.run();

    expect(undone).toEqual(['database']);
    expect(told).toBe('while stopping: no broker\n');
  });

  it('does not wait forever for a step that hangs', async () => {
    const undone: string[] = [];
    const shutdown = new Shutdown();
    shutdown.push(async () => void undone.push('database'));
    shutdown.push(() => sleep(60_000, undefined, { ref: false }));

    await shutdown.run();

    expect(undone).toEqual(['database']);
    expect(told).toContain('still stopping');
  });
});
