import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { messageOf } from '@app/observability';

/** Resolves when the thing works; rejects with why it does not. */
export type ReadinessProbe = () => Promise<unknown>;

/** What `GET /health/ready` answers. */
export interface Readiness {
  readonly status: 'ready' | 'not-ready' | 'stopping';
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly message?: string }>>;
}

/** A probe that takes longer counts as failed: a load balancer does not wait. */
const PATIENCE_MS = 2_000;

/** What must work before this process should get traffic; each role adds its own: `probes.add('model', async () => …)`. */
@Injectable()
export class ReadinessProbes implements BeforeApplicationShutdown {
  readonly #probes = new Map<string, ReadinessProbe>();
  #stopping = false;

  /** Adds or replaces a probe. */
  add(name: string, probe: ReadinessProbe): void {
    this.#probes.set(name, probe);
  }

  /** Runs all probes side by side. */
  async check(): Promise<Readiness> {
    const results = await Promise.all(
      [...this.#probes].map(async ([name, probe]) => [name, await run(probe)] as const),
    );
    const ready = results.every(([, { ok }]) => ok);
    const status = this.#stopping ? 'stopping' : ready ? 'ready' : 'not-ready';
    return { status, checks: Object.fromEntries(results) };
  }

  beforeApplicationShutdown(): void {
    this.#stopping = true;
  }
}

async function run(probe: ReadinessProbe): Promise<{ ok: boolean; message?: string }> {
  const patience = new AbortController();
  const late = sleep(PATIENCE_MS, 'late' as const, { signal: patience.signal, ref: false });
  // It is ended by an abort once the probe has answered, when nobody waits for it any more.
  late.catch(() => undefined);
  try {
    if ((await Promise.race([probe(), late])) === 'late')
      return { ok: false, message: `no answer in ${PATIENCE_MS} ms` };
    return { ok: true };
  } catch (error) {
    return { ok: false, message: messageOf(error) };
  } finally {
    patience.abort();
  }
}
