import { silentLogger } from '@app/observability';
import { ApiKeyRepository } from '@app/persistence';
import { useDatabase } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/processes.js';
import { KeyRing } from './key-ring.js';
import { makeKey } from './key-text.js';
import { RoleKey } from './role-key.js';

describe('KeyRing', () => {
  const database = useDatabase();
  const repository = () => new ApiKeyRepository(database().dataSource);
  const ring = (keys = repository()) => new KeyRing(keys, silentLogger());

  async function stored(name: string, itemPrefixes: string[] | null = null) {
    const { keyId, text, hash } = makeKey();
    await repository().create({
      keyId,
      name,
      hash,
      scopes: ['read'],
      itemPrefixes,
      createdBy: 'test',
      expiresAt: null,
    });
    return { keyId, text };
  }
  const lastUsed = async (keyId: string) => {
    const rows = await repository().list();
    return rows.find((row) => row.keyId === keyId)?.lastUsedAt ?? null;
  };

  it('knows whose a key is, also one that was made a moment ago', async () => {
    const sut = ring();
    expect(await sut.verify(makeKey().text, 'here')).toBeUndefined();
    const { keyId, text } = await stored('pumps', ['pump-']);
    const access = await sut.verify(text, '10.0.0.7');

    expect(access).toMatchObject({
      caller: { kind: 'key', keyId, name: 'pumps', address: '10.0.0.7' },
      itemPrefixes: ['pump-'],
    });
    expect([...access!.scopes]).toEqual(['read']);
  });

  it('forgets a revoked key within seconds, whoever revoked it', async () => {
    const [one, other] = [ring(), ring()];
    const { keyId, text } = await stored('gone');
    expect(await one.verify(text, '')).toBeDefined();
    expect(await other.verify(text, '')).toBeDefined();

    await repository().revoke(keyId);
    for (const sut of [one, other]) {
      await eventually(async () => (await sut.verify(text, '')) === undefined, 3_000);
    }
  });

  it('does not ask the database for each request, whatever comes', async () => {
    let reads = 0;
    class CountingRepository extends ApiKeyRepository {
      override active(): ReturnType<ApiKeyRepository['active']> {
        reads++;
        return super.active();
      }
    }
    const sut = ring(new CountingRepository(database().dataSource));
    const { text } = await stored('busy');
    await Promise.all(Array.from({ length: 200 }, () => sut.verify(text, '')));
    expect(reads).toBe(1);

    const begin = performance.now();
    await Promise.all(Array.from({ length: 500 }, () => sut.verify(makeKey().text, '')));
    for (let i = 0; i < 5; i++) await sut.verify(makeKey().text, '');
    expect(reads).toBeLessThanOrEqual(2 + (performance.now() - begin) / 100);
  });

  it('stores when a key was used in passing, not with each request', async () => {
    const sut = ring();
    const { keyId, text } = await stored('used');
    await sut.verify(text, '');
    expect(await lastUsed(keyId)).toBeNull();

    await sut.onModuleDestroy();
    expect(Date.now() - (await lastUsed(keyId))!.getTime()).toBeLessThan(10_000);
  });

  it('lets the keys that worked go on while the database is away', async () => {
    let away = false;
    class ShakyRepository extends ApiKeyRepository {
      override active(): ReturnType<ApiKeyRepository['active']> {
        return away ? Promise.reject(new Error('connect ECONNREFUSED')) : super.active();
      }
    }
    const { text } = await stored('steady');
    const sut = ring(new ShakyRepository(database().dataSource));
    expect(await sut.verify(text, '')).toBeDefined();

    away = true;
    expect(await sut.verify(makeKey().text, '')).toBeUndefined();
    expect(await sut.verify(text, '')).toBeDefined();
    await expect(ring(new ShakyRepository(database().dataSource)).verify(text, '')).rejects.toThrow('ECONNREFUSED');
  });

  it('knows other roles by the key that they made for themselves', async () => {
    const key = new RoleKey(repository());
    const headers = await key.headers();

    const access = await ring().verify(headers['x-api-key']!, '10.0.0.8');
    expect(access?.caller.kind).toBe('role');
    expect(access?.allows('internal')).toBe(true);
    expect(access?.allows('read')).toBe(false);
    expect(await key.headers()).toEqual(headers);
    expect((await repository().list()).filter(({ name }) => name.startsWith('role'))).toEqual([]);
  });
});
