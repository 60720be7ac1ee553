import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

/** The type under which inference bodies are read: as bytes, whatever the client calls them, as most call them nothing. */
const BODY = 'application/vnd.tidecast.inference';
const INFER = /^\/v2\/models\/.+\/infer\/?(\?|$)/;

/** Has the server read the bodies of inference requests as bytes: JSON may be followed by tensors. */
@Injectable()
export class InferBodyParser implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.addContentTypeParser(BODY, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    fastify.addHook('onRequest', (request, _reply, done) => {
      if (request.method === 'POST' && INFER.test(request.url)) request.headers['content-type'] = BODY;
      done();
    });
  }
}
