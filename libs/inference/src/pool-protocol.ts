import type { Transferable } from 'node:worker_threads';

/** What a handler module exports: the part of a worker that knows what the requests mean. */
export interface Handler {
  /** Answers one request; requests come one after another. What it throws reaches the caller as the message. */
  handle(request: unknown): Promise<Answer> | Answer;
  /** Gives back what the handler holds; called once, after the last request. */
  dispose?(): Promise<void>;
}

/** An answer and the buffers in it that are moved rather than copied. */
export interface Answer {
  readonly result: unknown;
  readonly transfer?: readonly Transferable[];
}

/** Main thread to worker. */
export type ToWorker =
  { readonly kind: 'request'; readonly id: number; readonly request: unknown } | { readonly kind: 'close' };

/** Worker to main thread: exactly one for each request. */
export type FromWorker =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string };
