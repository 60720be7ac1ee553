import { Doorkeeper, admitRequests } from '@app/access';
import type { Env } from '@app/config';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { limitRequests } from './request-limits.js';

/** Lets in who may come in and has not come too often, before anything else of a request is looked at. */
export async function guardDoor(
  app: NestFastifyApplication,
  { API_KEYS, RATE_LIMIT_PER_MINUTE }: Pick<Env, 'API_KEYS' | 'RATE_LIMIT_PER_MINUTE'>,
): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const doorkeeper = app.get(Doorkeeper);
  const limits = await limitRequests(fastify, RATE_LIMIT_PER_MINUTE);
  admitRequests(fastify, async (request) => {
    const door = { keys: API_KEYS, listening: listeningOn(fastify) };
    const access = await doorkeeper.admit(request, door).catch(async (refusal: unknown) => {
      await limits.refused(request);
      throw refusal;
    });
    await limits.admitted(request, access);
    return access;
  });
}

function listeningOn(fastify: FastifyInstance): string | undefined {
  const address = fastify.server.address();
  return typeof address === 'object' && address !== null ? address.address : undefined;
}
