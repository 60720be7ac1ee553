import { z } from 'zod';
import { decodeCursor, encodeCursor, instant, numberList } from './request-values.js';

describe('instant', () => {
  it.each([
    ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01t02:00+02:00', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01T00:00:00.123456-0530', '2026-01-01T05:30:00.123Z'],
  ])('reads %s', (text, expected) => {
    expect(instant.parse(text).toISOString()).toBe(expected);
  });

  it.each([
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-02-30T00:00:00Z',
    '1767225600',
    'now',
    '',
    '+012026-01-01T00:00:00Z',
  ])('refuses %j, and shows how to write it', (text) => {
    expect(instant.safeParse(text).error?.issues[0]?.message).toContain('2026-01-01T00:00:00Z');
  });
});

describe('numberList', () => {
  it.each([
    ['0.1', [0.1]],
    ['0.1, 0.9', [0.1, 0.9]],
    [
      ['0.1', '0.5,0.9'],
      [0.1, 0.5, 0.9],
    ],
  ])('reads %j', (given, expected) => {
    expect(numberList.parse(given)).toEqual(expected);
  });

  it.each(['', '0.1,', 'low', '0.1;0.9'])('refuses %j', (given) => {
    expect(numberList.safeParse(given).success).toBe(false);
  });
});

describe('a cursor', () => {
  const position = z.tuple([z.string(), z.string()]);

  it('comes back as it went, whatever the names', () => {
    expect(decodeCursor(encodeCursor(['a/b "ü', '水']), position)).toEqual(['a/b "ü', '水']);
    expect(decodeCursor(undefined, position)).toBeUndefined();
  });

  it.each(['', 'x', encodeCursor(['one']), Buffer.from('{}').toString('base64url')])(
    'is refused where it is %j',
    (text) => {
      expect(() => decodeCursor(text, position)).toThrow(/next_cursor/);
    },
  );
});
