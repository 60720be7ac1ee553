import { messageOf, metrics, type Logger } from '@app/observability';
import type { ClaimedDelivery, WebhookDeliveryRepository } from '@app/persistence';
import { atMost, backOff, errorFields, pause } from '@app/streaming';

import type { AddressPolicy } from './address-policy.js';
import { post } from './post.js';
import { signatureOf } from './signature.js';

/** Sent side by side. */
const AT_ONCE = 16;
const TIMEOUT_MS = 10_000;
/** Longer than any attempt takes: what is claimed for longer belongs to a process that died. */
const LEASE_MS = 60_000;
const POLL_INTERVAL_MS = 1_000;
const STOP_PATIENCE_MS = 1_500;
/** 5 s, doubling up to an hour: with ten attempts a receiver may be away for about an hour and a half. */
const RETRY = { firstMs: 5_000, longestMs: 3_600_000, attempts: 10 };
/** The receiver says that it will never want it. */
const GONE = 410;
const MOST_ERROR_TEXT = 500;

/** When a delivery that failed is tried again. */
export interface RetryPolicy {
  readonly firstMs: number;
  readonly longestMs: number;
  /** The first one included. */
  readonly attempts: number;
}

/** What the sender works with. */
export interface SenderDependencies {
  readonly deliveries: WebhookDeliveryRepository;
  readonly logger: Logger;
  readonly addresses: AddressPolicy;
  readonly retry?: RetryPolicy;
}

/**
 * Sends alerts to webhooks, outside of any transaction: a delivery is claimed, sent, and its end is written down. Where
 * a process dies in between it is sent again with the same `Idempotency-Key`. At most 16 are under way; the others wait
 * in Postgres.
 */
export class WebhookSender {
  readonly #stopping = new AbortController();
  #wakeUp = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly deps: SenderDependencies) {}

  start(): void {
    this.#running = this.#run();
  }

  /** Looks for deliveries now rather than at the next poll. */
  wake(): void {
    this.#wakeUp.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await atMost(STOP_PATIENCE_MS, this.#running);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted;) {
      const wakeUp = (this.#wakeUp = new AbortController());
      try {
        const claimed = await this.deps.deliveries.claim(AT_ONCE, LEASE_MS);
        await Promise.all(claimed.map((delivery) => this.#send(delivery)));
        attempt = 0;
        if (claimed.length === 0) await pause(POLL_INTERVAL_MS, AbortSignal.any([signal, wakeUp.signal]));
      } catch (error) {
        if (signal.aborted) return;
        this.deps.logger.warn({ ...errorFields(error) }, `webhooks wait: ${messageOf(error)}`);
        await pause(backOff(attempt++), signal);
      }
    }
  }

  async #send(delivery: ClaimedDelivery): Promise<void> {
    const { deliveries, addresses } = this.deps;
    let failure: string;
    let isFinal = false;
    try {
      const status = await post(delivery.url, headersOf(delivery), delivery.body, {
        policy: addresses,
        timeoutMs: TIMEOUT_MS,
      });
      if (status >= 200 && status < 300) {
        await deliveries.delivered(delivery.deliveryId);
        metrics.webhookDeliveries.inc({ outcome: 'delivered' });
        return;
      }
      failure = `the receiver answered ${status}`;
      isFinal = status === GONE;
    } catch (error) {
      failure = messageOf(error);
    }
    await this.#refused(delivery, failure.slice(0, MOST_ERROR_TEXT), isFinal);
  }

  async #refused({ deliveryId, attempts, url }: ClaimedDelivery, failure: string, isFinal: boolean): Promise<void> {
    const { deliveries, logger, retry = RETRY } = this.deps;
    const retryInMs = isFinal || attempts >= retry.attempts ? undefined : retryDelay(retry, attempts, Math.random());
    await deliveries.refused(deliveryId, failure, retryInMs);
    metrics.webhookDeliveries.inc({ outcome: retryInMs === undefined ? 'failed' : 'retried' });
    const { host } = new URL(url);
    logger.warn({ deliveryId, host, attempts, failure, retryInMs }, 'a webhook did not take an alert');
  }
}

/** Milliseconds to wait after so many attempts: doubling, and between half of that and all of it, so that many spread out. */
export function retryDelay({ firstMs, longestMs }: RetryPolicy, attempts: number, chance: number): number {
  const full = Math.min(firstMs * 2 ** (attempts - 1), longestMs);
  return full / 2 + (full / 2) * chance;
}

function headersOf({ deliveryId, secret, body }: ClaimedDelivery): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  return {
    'content-type': 'application/json',
    'user-agent': 'tidecast',
    'idempotency-key': deliveryId,
    'tidecast-timestamp': timestamp,
    'tidecast-signature': signatureOf(secret, timestamp, body),
  };
}
