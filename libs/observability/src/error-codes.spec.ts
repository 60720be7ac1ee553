import { PlatformError, messageOf } from './error-codes.js';

describe('PlatformError', () => {
  it('knows its HTTP status, and keeps cause and details', () => {
    const cause = new Error('below');
    const error = new PlatformError('NO_OBSERVATIONS', 'pump-7/flow has no point', { itemId: 'pump-7' }, { cause });

    expect(error).toMatchObject({
      status: 422,
      cause,
      details: { itemId: 'pump-7' },
      message: 'pump-7/flow has no point',
    });
  });
});

describe('messageOf', () => {
  it('reads errors and anything else that was thrown', () => {
    expect(messageOf(new Error('broken'))).toBe('broken');
    expect(messageOf('plain')).toBe('plain');
    expect(messageOf(undefined)).toBe('undefined');
  });
});
