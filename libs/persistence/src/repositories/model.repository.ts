import type { DataSource } from 'typeorm';

/** Something that happened to a model package. */
export interface NewModelRecord {
  /** The process that it happened in. */
  readonly forecaster: string;
  readonly name: string;
  readonly state: string;
  readonly version?: string;
  readonly sha256?: string;
  readonly provider?: string;
  readonly providerFallback?: string;
  readonly code?: string;
  readonly reason?: string;
}

/** One line of the history. */
export interface ModelRecord {
  readonly at: Date;
  readonly forecaster: string;
  readonly name: string;
  readonly state: string;
  readonly version: string | null;
  readonly sha256: string | null;
  readonly provider: string | null;
  readonly providerFallback: string | null;
  readonly code: string | null;
  readonly reason: string | null;
}

/** States and history of model packages: rows are added, never changed. */
export class ModelRepository {
  constructor(private readonly dataSource: DataSource) {}

  async record(event: NewModelRecord): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO models (forecaster, name, state, version, sha256, provider, provider_fallback, code, reason)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        event.forecaster,
        event.name,
        event.state,
        event.version,
        event.sha256,
        event.provider,
        event.providerFallback,
        event.code,
        event.reason,
      ],
    );
  }

  /** What happened to a package last, newest first. */
  async history(name: string, limit: number): Promise<ModelRecord[]> {
    return this.dataSource.query(
      `SELECT at, forecaster, name, state, version, sha256, provider, provider_fallback AS "providerFallback", code, reason
       FROM models WHERE name = $1 ORDER BY model_event_id DESC LIMIT $2`,
      [name, limit],
    );
  }
}
