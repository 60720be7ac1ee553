import { createServer } from 'node:net';
import { errorCode, errorMessage, StartupError } from './startup-error.js';

/**
 * Looks whether the address can be bound, before the roles start to work and other members make room for them.
 *
 * @throws StartupError with one sentence when it can't.
 */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    await new Promise((resolve) => server.close(resolve));
  } catch (error) {
    throw explainListen(error, host, port);
  }
}

/** What a failed listen means, in one sentence. */
export function explainListen(error: unknown, host: string, port: number): Error {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is in use by another program: stop it, or set PORT to another port.`,
    EACCES: `No right to listen on ${where}: ports below 1024 are root's, set PORT to a higher one.`,
    EADDRNOTAVAIL: `This machine has no address ${host}: set HOST to one of its own, or to 0.0.0.0 for all.`,
    ENOTFOUND: `The name ${host} is not known: set HOST to an address of this machine, or to 0.0.0.0 for all.`,
  };
  return new StartupError(sentences[errorCode(error) ?? ''] ?? `Can't listen on ${where}: ${errorMessage(error)}.`);
}
