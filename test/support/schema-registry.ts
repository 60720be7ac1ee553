import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A schema as it is registered. */
export interface RegisteredSchema {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

/**
 * A stand-in for a schema registry: an HTTP server in this process that implements the part of Confluent's API which
 * serialisers and readers use. `answer` replaces what it says, to play an outage.
 */
export class TestSchemaRegistry {
  /** Requests so far, as `GET /path`. */
  readonly requests: string[] = [];
  /** Of the last request. */
  authorization: string | undefined;
  answer: ((response: ServerResponse) => void) | undefined;
  readonly #schemas: RegisteredSchema[] = [];
  readonly #subjects = new Map<string, number[]>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  static async start(port = 0): Promise<TestSchemaRegistry> {
    const registry = new TestSchemaRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(port, '127.0.0.1', resolve));
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Registers as a producer would; the same schema gets the same id. */
  register(subject: string, schema: RegisteredSchema): number {
    const text = JSON.stringify(schema);
    let id = this.#schemas.findIndex((known) => JSON.stringify(known) === text) + 1;
    if (id === 0) id = this.#schemas.push(schema);
    const versions = this.#subjects.get(subject) ?? [];
    if (!versions.includes(id)) this.#subjects.set(subject, [...versions, id]);
    return id;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = new URL(request.url!, 'http://registry').pathname;
    this.requests.push(`${request.method} ${path}`);
    this.authorization = request.headers.authorization;
    if (this.answer) {
      this.answer(response);
      return;
    }
    const [status, body] = this.#route(request.method!, path.split('/').slice(1).map(decodeURIComponent), chunks);
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));
  }

  #route(method: string, path: readonly string[], body: readonly Buffer[]): [number, object] {
    const [root, name, what, version] = path;
    if (method === 'POST' && root === 'subjects') {
      return [200, { id: this.register(name!, JSON.parse(Buffer.concat(body).toString()) as RegisteredSchema) }];
    }
    if (root === 'subjects' && what === 'versions') {
      const id = this.#subjects.get(name!)?.[Number(version) - 1];
      if (id === undefined) return [404, { error_code: 40402, message: 'Version not found.' }];
      return [200, { subject: name, version: Number(version), id, ...this.#schemas[id - 1] }];
    }
    if (root === 'schemas' && name === 'ids') {
      const schema = this.#schemas[Number(what) - 1];
      return schema ? [200, schema] : [404, { error_code: 40403, message: 'Schema not found' }];
    }
    return [404, { error_code: 404, message: 'HTTP 404 Not Found' }];
  }
}
