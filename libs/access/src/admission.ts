import { AsyncLocalStorage } from 'node:async_hooks';
import { PlatformError } from '@app/observability';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access } from './access.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of a route that answers everybody; all others answer who is admitted. */
    access?: 'public';
  }
}

/** Options for routes that are added to Fastify itself and answer everybody: the page, its scripts, its documentation. */
export const PUBLIC_ROUTE = { config: { access: 'public' } } as const;

const admitted = new WeakMap<FastifyRequest, Access>();
const storage = new AsyncLocalStorage<Access>();

/**
 * Lets in who may come in, before the body of a request is read.
 *
 * @param admit finds out who asks, or throws what a caller is told who may not come in.
 */
export function admitRequests(fastify: FastifyInstance, admit: (request: FastifyRequest) => Promise<Access>): void {
  fastify.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.access === 'public') return;
    try {
      admitted.set(request, await admit(request));
    } catch (error) {
      if (error instanceof PlatformError && error.status === 401) {
        reply.header('www-authenticate', 'Bearer realm="tidecast"');
      }
      throw error;
    }
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    const access = admitted.get(request);
    if (access) storage.run(access, done);
    else done();
  });
}

/** The access of the caller of a request. @throws PlatformError INTERNAL for a public one, whose caller nobody asked. */
export function accessOf(request: FastifyRequest): Access {
  const access = admitted.get(request);
  if (!access) throw new PlatformError('INTERNAL', `nobody was asked who may see ${request.url}`);
  return access;
}

/**
 * The access of the caller of the request being served.
 *
 * @throws PlatformError INTERNAL where no request is being served: what the platform does by itself asks nobody.
 */
export function currentAccess(): Access {
  const access = storage.getStore();
  if (!access) throw new PlatformError('INTERNAL', 'there is no request whose access could be asked for');
  return access;
}
