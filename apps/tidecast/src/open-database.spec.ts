import { useDatabase } from '../../../test/support/database.js';
import { uniqueName } from '../../../test/support/kafka.js';
import { openDatabase } from './open-database.js';
import { StartupError } from './startup-error.js';

describe('openDatabase', () => {
  const database = useDatabase();
  const open = (change: Partial<URL> = {}) => {
    const url = Object.assign(new URL(database().url), change);
    return openDatabase(url.href, 2, 'test');
  };

  it('connects to a migrated database as often as asked, at once', async () => {
    const opened = await Promise.all([open(), open(), open()]);

    for (const dataSource of opened) {
      expect(await dataSource.query('SELECT count(*)::int AS n FROM series')).toEqual([{ n: 0 }]);
      await dataSource.destroy();
    }
  });

  it.each([
    [
      'a server that is away',
      { port: '9' },
      /can't be reached \(.*ECONNREFUSED.*\): start it, or correct DATABASE_URL\.$/,
    ],
    ['a wrong password', { password: 'guess' }, /refuses the password of user "\w+": correct DATABASE_URL\.$/],
    ['a missing database', { pathname: '/nowhere' }, /has no database "nowhere": create it \(createdb nowhere\)/],
  ])('says in one sentence what is wrong with %s', async (_name, change, sentence) => {
    const failure = await open(change).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(StartupError);
    expect((failure as Error).message).toMatch(sentence);
    expect((failure as Error).message).not.toContain('guess');
  });

  it('says which right is missing', async () => {
    const role = uniqueName('reader').replace('.', '_');
    const { dataSource } = database();
    await dataSource.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    try {
      await dataSource.query('DROP TABLE migrations');

      await expect(open({ username: role, password: 'secret' })).rejects.toThrow(
        new RegExp(`gives user "${role}" no right to make tables in "\\w+": grant CREATE`),
      );
    } finally {
      await dataSource.query(`DROP ROLE ${role}`);
    }
  });
});
