import { RoleKey } from '@app/access';
import { ApiKeyRepository } from '@app/persistence';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { storedKey } from '../../../test/support/api-keys.js';
import { useDatabase } from '../../../test/support/database.js';
import { startForecaster } from '../test/forecaster-server.js';
import { RecordingForecaster, catalogueOf } from '../test/recording-forecaster.js';
import { HttpForecastClient } from './http-forecast-client.js';

describe('the internal API, where keys are needed', () => {
  let app: NestFastifyApplication | undefined;
  let url: string;
  // Before the database goes.
  afterAll(() => app?.close());
  const database = useDatabase();
  beforeAll(async () => {
    app = await startForecaster(database().url, {
      catalogue: catalogueOf(new RecordingForecaster()),
      apiKeys: 'always',
    });
    url = await app.getUrl();
  });

  it('answers a gateway that shares its database', async () => {
    const key = new RoleKey(new ApiKeyRepository(database().dataSource));
    const client = new HttpForecastClient(url, { credentials: () => key.headers() });

    await expect(client.models()).resolves.toMatchObject([{ name: 'last-value' }]);
  });

  it('answers nobody else, admins included', async () => {
    const admin = await storedKey(database(), ['admin']);
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${url}/internal/models`, { headers })).status;

    expect(await status({})).toBe(401);
    expect(await status({ 'x-api-key': admin })).toBe(403);
  });

  it('does not blame the caller of a gateway that it does not know', async () => {
    await expect(new HttpForecastClient(url).models()).rejects.toMatchObject({
      code: 'FORECASTER_UNAVAILABLE',
      message: expect.stringContaining('give both the same database'),
    });
  });
});
