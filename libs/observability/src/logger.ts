import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Injection token of the process's root logger. */
export const LOGGER = Symbol('LOGGER');

/** JSON lines on stdout; `name` tells the role. */
export function createLogger(name: string, level: string): Logger {
  return pino({ name, level, timestamp: pino.stdTimeFunctions.isoTime, base: { pid: process.pid } });
}

/** Swallows everything; for tests and command-line tools that print for people. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
