import { ConfigError, describeEnv, loadEnv } from './index.js';

describe('loadEnv', () => {
  it('needs no variable at all', () => {
    const env = loadEnv({});

    expect(env.HOST).toBe('127.0.0.1');
    expect(env.DATABASE_URL).toBeUndefined();
    expect(env.KAFKA_BROKERS).toBeUndefined();
  });

  it('takes an empty variable as not set', () => {
    expect(loadEnv({ KAFKA_BROKERS: '', PORT: '' }).PORT).toBe(8080);
  });

  it('lists all wrong keys at once, with the value found', () => {
    const load = () => loadEnv({ PORT: 'eighty', DATABASE_URL: 'mysql://x:geheim@y/z', PROVIDER: 'tpu' });

    expect(load).toThrow(ConfigError);
    expect(load).toThrow(/PORT: .*"eighty"[\s\S]*|PROVIDER: .*"tpu"/);
    for (const key of ['PORT', 'DATABASE_URL', 'PROVIDER']) expect(load).toThrow(new RegExp(`^  ${key}: `, 'm'));
  });

  it('never shows a secret in its message', () => {
    expect(() => loadEnv({ DATABASE_URL: 'mysql://x:geheim@y/z' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('geheim') }),
    );
  });

  it('splits broker lists and refuses a list without entries', () => {
    expect(loadEnv({ KAFKA_BROKERS: 'a:9092, b:9092,' }).KAFKA_BROKERS).toEqual(['a:9092', 'b:9092']);
    expect(() => loadEnv({ KAFKA_BROKERS: ' , ' })).toThrow(/KAFKA_BROKERS/);
  });
});

describe('describeEnv', () => {
  it('gives every key a sentence', () => {
    for (const { key, sentence } of describeEnv()) expect(`${key}: ${sentence}`).toMatch(/^\w+: .+\.$/);
  });
});
