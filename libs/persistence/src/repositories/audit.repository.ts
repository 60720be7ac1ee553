import type { DataSource } from 'typeorm';
import { withoutNul } from '../pg-arrays.js';

/** Something that is about to be changed. */
export interface NewAuditEvent {
  readonly caller: 'key' | 'local' | 'role' | 'command';
  readonly keyId: string | null;
  /** Of the key, or of the user of the command. */
  readonly name: string;
  readonly address: string;
  /** What is done: `POST /api/v1/jobs/:job_id/run`, `keys create`. */
  readonly action: string;
  /** To what: the path, or the name. */
  readonly target: string;
  readonly details: unknown;
  readonly traceId: string | null;
}

export interface AuditEvent extends NewAuditEvent {
  readonly eventId: string;
  readonly at: Date;
  /** `ok`, or the code of the error; null while it is not known. */
  readonly outcome: string | null;
}

/** Who changed what: rows are never removed by us. */
export class AuditRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Stores the event before it happens; gives its id. */
  async begin({ caller, keyId, name, address, action, target, details, traceId }: NewAuditEvent): Promise<string> {
    const [row] = await this.dataSource.query<[{ event_id: string }]>(
      `INSERT INTO audit_events (caller, key_id, name, address, action, target, details, trace_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8) RETURNING event_id`,
      // JSON can write a NUL character that jsonb can't hold.
      [
        caller,
        keyId,
        name,
        address,
        action,
        target,
        JSON.stringify(details).replaceAll('\\u0000', '\\ufffd'),
        traceId,
      ].map((value) => (typeof value === 'string' ? withoutNul(value) : value)),
    );
    return row.event_id;
  }

  /** Stores what became of it, and what it made. */
  async end(eventId: string, outcome: string, made: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.dataSource.query(
      `UPDATE audit_events SET outcome = $2, details = details || $3::jsonb WHERE event_id = $1`,
      [eventId, outcome, JSON.stringify(made)],
    );
  }

  /** Newest first, before the event `before` where it is given. */
  list(limit: number, before: string | null): Promise<AuditEvent[]> {
    return this.dataSource.query(
      `SELECT event_id AS "eventId", at, caller, key_id AS "keyId", name, address, action, target, details, outcome,
              trace_id AS "traceId"
         FROM audit_events WHERE $2::bigint IS NULL OR event_id < $2
        ORDER BY event_id DESC LIMIT $1`,
      [limit, before],
    );
  }
}
