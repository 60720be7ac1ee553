import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PUBLIC_ROUTE } from '@app/access';
import { LOGGER, type Logger } from '@app/observability';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { repositoryRoot } from '../../../tidecast/src/repository-root.js';
import { encodingFor, readBuiltFiles, type BuiltFile } from './built-files.js';

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

  onModuleInit(): void {
    const root = join(repositoryRoot(), 'dist/apps/web');
    if (!existsSync(join(root, 'index.html'))) {
      this.logger.warn(`there is no web page in ${root}: "npm run build" makes it; the API works without`);
      return;
    }
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    for (const file of readBuiltFiles(root)) serve(fastify, file);
  }
}

function serve(fastify: FastifyInstance, file: BuiltFile): void {
  const isPage = file.path === 'index.html';
  fastify.get(isPage ? '/' : `/${file.path}`, PUBLIC_ROUTE, (request, reply) => {
    const encoding = encodingFor(request.headers['accept-encoding'], file);
    if (encoding !== 'identity') reply.header('content-encoding', encoding);
    // The names of all others hold a hash of what is in them: a name never means anything else.
    reply.header('cache-control', isPage ? 'no-cache' : 'public, max-age=31536000, immutable');
    if (isPage) reply.header('content-security-policy', POLICY);
    reply.header('etag', file.etag).header('vary', 'accept-encoding').type(file.type);
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
    return reply.send(file.bodies[encoding]);
  });
}
