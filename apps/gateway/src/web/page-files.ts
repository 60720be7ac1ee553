import { existsSync } from 'node:fs';
import { join } from 'node:path';
import staticFiles from '@fastify/static';
import { PUBLIC_ROUTE } from '@app/access';
import { LOGGER, type Logger } from '@app/observability';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { repositoryRoot } from '../../../tidecast/src/repository-root.js';

/** The page needs nothing but its own files and the API; texts can't become scripts even if the page had a fault. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Serves the built page at `/`. */
@Injectable()
export class PageFiles implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    const root = join(repositoryRoot(), 'dist/apps/web');
    if (!existsSync(join(root, 'index.html'))) {
      this.logger.warn(`there is no web page in ${root}: "npm run build" makes it; the API works without`);
      return;
    }
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    await fastify.register(staticFiles, { root, serve: false, preCompressed: true, cacheControl: false });
    fastify.get('/', PUBLIC_ROUTE, (_request, reply) =>
      reply.header('content-security-policy', POLICY).header('cache-control', 'no-cache').sendFile('index.html'),
    );
    // Their names hold a hash of what is in them: a name never means anything else.
    fastify.get<{ Params: { file: string } }>('/assets/:file', PUBLIC_ROUTE, (request, reply) =>
      reply.header('cache-control', 'public, max-age=31536000, immutable').sendFile(`assets/${request.params.file}`),
    );
  }
}
