import { childTraceparent, parseTraceparent } from './tracing.js';

const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('parseTraceparent', () => {
  it('keeps a valid header', () => {
    expect(parseTraceparent(VALID)).toBe(VALID);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['of a forbidden version', VALID.replace('00-', 'ff-')],
    ['with an all-zero trace id', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['with an all-zero parent id', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
    ['in capitals', VALID.toUpperCase()],
    ['with a tail', `${VALID}\nx`],
  ])('starts anew where it is %s', (_, header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

describe('childTraceparent', () => {
  it('stays in the trace, under a new parent, with the flags of the caller', () => {
    const unsampled = VALID.replace(/01$/, '00');
    const child = childTraceparent(unsampled);

    expect(parseTraceparent(child)).toBe(child);
    expect(child.slice(0, 36)).toBe(unsampled.slice(0, 36));
    expect(child.slice(36, 52)).not.toBe(unsampled.slice(36, 52));
    expect(child.endsWith('-00')).toBe(true);
  });

  it('starts a trace where there is none', () => {
    expect(parseTraceparent(childTraceparent())).toBeDefined();
    expect(childTraceparent()).not.toBe(childTraceparent());
  });
});
