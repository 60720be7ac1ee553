import { tellChanges, type Change, type Sight } from './change.js';
import { Follower } from './follower.js';

const sight = (states: Record<string, string>): Sight =>
  new Map(
    Object.entries(states).map(([item_id, state]) => [item_id, { state, change: { type: 'anomalies', item_id } }]),
  );

async function first(follower: Follower, idleMs = 1_000): Promise<Change[]> {
  const { value } = await follower.read(idleMs).next();
  return value ?? [];
}

describe('a follower', () => {
  it('is told of what changed and is new among its items', async () => {
    const follower = new Follower(['a', 'b', 'c']);
    tellChanges(sight({ a: '1', b: '1', d: '1' }), sight({ a: '2', b: '1', c: '1', d: '2' }), [follower]);

    expect(await first(follower)).toEqual([
      { type: 'anomalies', item_id: 'a' },
      { type: 'anomalies', item_id: 'c' },
    ]);
  });

  it('keeps the newest of each thing, however slow it reads', async () => {
    const follower = new Follower(['a']);
    for (let n = 0; n < 10_000; n++) tellChanges(sight({ a: `${n}` }), sight({ a: `${n + 1}` }), [follower]);

    expect(await first(follower)).toHaveLength(1);
  });

  it('wakes when something comes, hears of nothing after a while, and ends when closed', async () => {
    const follower = new Follower(['a']);
    const read = follower.read(20);
    expect(await read.next()).toEqual({ done: false, value: [] });
    const next = read.next();
    follower.tell('a', { type: 'jobs' });
    expect(await next).toEqual({ done: false, value: [{ type: 'jobs' }] });
    const last = read.next();
    follower.close();
    expect(await last).toEqual({ done: true, value: undefined });
  });
});
