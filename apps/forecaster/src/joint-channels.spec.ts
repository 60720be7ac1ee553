import { furtherChannels } from './joint-channels.js';

const rows = (itemId: string, ...channels: string[]) => channels.map((channel) => ({ itemId, channel }));

describe('furtherChannels', () => {
  it('are the others of the item', () => {
    const all = [...rows('pump', 'flow', 'level', 'temp'), ...rows('fan', 'speed')];
    expect(furtherChannels(rows('pump', 'level'), all, { most: 8 })).toEqual(rows('pump', 'flow', 'temp'));
  });

  it('are none where all were asked for', () => {
    const all = rows('pump', 'flow', 'level');
    expect(furtherChannels(all, all, { most: 8 })).toEqual([]);
  });

  it('are those of the same group, by name, where there are more than the model takes', () => {
    const all = rows('pump', 'd', 'b', 'e', 'a', 'c');
    expect(furtherChannels(rows('pump', 'd'), all, { most: 2 })).toEqual(rows('pump', 'c'));
    expect(furtherChannels(rows('pump', 'a', 'e'), all, { most: 2 })).toEqual(rows('pump', 'b'));
  });

  it('are only those for which the model was made', () => {
    const all = rows('pump', 'flow', 'level', 'temp');
    const together = { most: 2, names: ['temp', 'flow'] };
    expect(furtherChannels(rows('pump', 'flow'), all, together)).toEqual(rows('pump', 'temp'));
    expect(furtherChannels(rows('pump', 'level'), all, together)).toEqual([]);
  });
});
