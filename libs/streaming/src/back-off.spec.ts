import { untilDone } from './back-off.js';

describe('untilDone', () => {
  it('tries until it is done, and tells each failure', async () => {
    const failures: [string, number][] = [];
    const task = async () => {
      if (failures.length < 2) throw new Error('not yet');
    };
    const { signal } = new AbortController();

    const done = await untilDone(task, signal, (error, attempt) => failures.push([String(error), attempt]));

    expect(done).toBe(true);
    expect(failures).toEqual([
      ['Error: not yet', 0],
      ['Error: not yet', 1],
    ]);
  });

  it('gives up when it is told to: in a pause, in the task, or before it begins', async () => {
    for (const abortIn of ['pause', 'task', 'before']) {
      const stopping = new AbortController();
      if (abortIn === 'before') stopping.abort();
      const task = async () => {
        if (abortIn === 'pause') throw new Error('never');
        stopping.abort();
      };

      expect(await untilDone(task, stopping.signal, () => stopping.abort())).toBe(false);
    }
  });
});
