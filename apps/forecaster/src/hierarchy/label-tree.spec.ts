import { labelTree } from './label-tree.js';

const leaf = (itemId: string, labels: Record<string, string>) => ({ itemId, channel: 'load', labels });

describe('labelTree', () => {
  it('sums up along the labels, each sum once', () => {
    const tree = labelTree(
      [
        leaf('m1', { region: 'north', site: 'a' }),
        leaf('m2', { region: 'north', site: 'b' }),
        leaf('m3', { region: 'south', site: 'a' }),
        leaf('m4', { region: 'south', site: 'a' }),
      ],
      ['region', 'site'],
    );

    expect(tree.hierarchy).toEqual({
      leaves: 4,
      aggregates: [
        [0, 1, 2, 3],
        [0, 1],
        [2, 3],
      ],
    });
    expect(tree.nodes.map(({ path, itemId, leaves, index }) => [path, itemId, leaves, index])).toEqual([
      [{}, null, 4, 0],
      [{ region: 'north' }, null, 2, 1],
      [{ region: 'south' }, null, 2, 2],
      [{ region: 'north', site: 'a' }, null, 1, 3],
      [{ region: 'north', site: 'b' }, null, 1, 4],
      [{ region: 'south', site: 'a' }, null, 2, 2],
      [{ region: 'north', site: 'a' }, 'm1', 1, 3],
      [{ region: 'north', site: 'b' }, 'm2', 1, 4],
      [{ region: 'south', site: 'a' }, 'm3', 1, 5],
      [{ region: 'south', site: 'a' }, 'm4', 1, 6],
    ]);
  });

  it('of one series has no sums', () => {
    const { hierarchy, nodes } = labelTree([leaf('m1', { site: 'a' })], ['site']);

    expect(hierarchy).toEqual({ leaves: 1, aggregates: [] });
    expect(nodes.map(({ index }) => index)).toEqual([0, 0, 0]);
  });

  it('refuses a series without a place', () => {
    const leaves = [leaf('m1', { region: 'north', site: 'a' }), leaf('m2', { region: 'north' })];

    expect(() => labelTree(leaves, ['region', 'site'])).toThrow(
      expect.objectContaining({
        code: 'HIERARCHY_INVALID',
        message: expect.stringMatching(/^series m2\/load has no label "site"/) as string,
        details: { itemId: 'm2', channel: 'load', label: 'site' },
      }),
    );
  });
});
