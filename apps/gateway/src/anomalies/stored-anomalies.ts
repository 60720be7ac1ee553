import { Injectable } from '@nestjs/common';
import { PlatformError } from '@app/observability';
import { ReadDatabase, withoutNul, type AnomalyLabel } from '@app/persistence';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../request-values.js';
import type { AnomaliesPage, AnomaliesQuery, AnomalyView, LabelledAnomalyView } from './anomaly.schema.js';

interface AnomalyRow {
  readonly anomaly_id: string;
  readonly item_id: string;
  readonly channel: string | null;
  readonly ts: Date;
  readonly value: number | null;
  readonly expected: number | null;
  readonly score: number;
  readonly grade: number;
  readonly severity: number;
  readonly confidence: number;
  readonly event_from: Date;
  readonly alert: boolean;
  readonly suppressed_by: string | null;
  readonly rule: string;
  readonly explanation: Record<string, unknown>;
  readonly label: AnomalyLabel | null;
  readonly detected_at: Date;
}

interface LabelRow {
  readonly label: AnomalyLabel;
  readonly note: string | null;
  readonly created_at: Date;
  readonly applied_at: Date | null;
}

const COLUMNS = `anomaly_id, item_id, channel, ts, value, expected, score, grade, severity, confidence, event_from, alert,
                 suppressed_by, rule, explanation, label, detected_at`;
/** The last anomaly of a page. */
const POSITION = z.tuple([z.iso.datetime(), z.guid()]);

/** Reads anomalies, and takes what people say of them. */
@Injectable()
export class StoredAnomalies {
  constructor(
    private readonly dataSource: DataSource,
    private readonly reads: ReadDatabase,
  ) {}

  /**
   * A page, newest first.
   *
   * @param itemPrefixes only of items that begin with one of these; null for all.
   */
  async list(
    { item_id, from, to, alert, limit, cursor }: AnomaliesQuery,
    itemPrefixes: readonly string[] | null,
  ): Promise<AnomaliesPage> {
    const [beforeTs, beforeId] = decodeCursor(cursor, POSITION) ?? [];
    const rows = await this.reads.query<AnomalyRow[]>(
      `SELECT ${COLUMNS} FROM anomalies
        WHERE ($1::text IS NULL OR item_id = $1)
          AND ts >= coalesce($2::timestamptz, '-infinity') AND ts < coalesce($3::timestamptz, 'infinity')
          AND ($4::boolean IS NULL OR alert = $4)
          AND ($5::timestamptz IS NULL OR ts < $5 OR (ts = $5 AND anomaly_id > $6::uuid))
          AND ($8::text[] IS NULL OR item_id ^@ ANY ($8))
        ORDER BY ts DESC, anomaly_id
        LIMIT $7`,
      [
        item_id ?? null,
        from ?? null,
        to ?? null,
        alert ?? null,
        beforeTs ?? null,
        beforeId ?? null,
        limit + 1,
        itemPrefixes,
      ],
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      anomalies: page.map(view),
      next_cursor: last && rows.length > page.length ? encodeCursor([last.ts.toISOString(), last.anomaly_id]) : null,
    };
  }

  /** @throws PlatformError NOT_FOUND. */
  async find(anomalyId: string): Promise<LabelledAnomalyView> {
    const [row] = await this.dataSource.query<AnomalyRow[]>(`SELECT ${COLUMNS} FROM anomalies WHERE anomaly_id = $1`, [
      anomalyId,
    ]);
    if (!row) throw notFound(anomalyId);
    const labels = await this.dataSource.query<LabelRow[]>(
      `SELECT label, note, created_at, applied_at FROM anomaly_labels WHERE anomaly_id = $1 ORDER BY label_id`,
      [anomalyId],
    );
    return { ...view(row), labels: labels.map(viewLabel) };
  }

  /**
   * Keeps a label beside those given before; the newest one counts. The detector takes it into account with the next
   * points of the item.
   *
   * @throws PlatformError NOT_FOUND.
   */
  async label(anomalyId: string, label: AnomalyLabel, note: string | undefined): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const [, labelled] = await manager.query<[unknown, number]>(
        `UPDATE anomalies SET label = $2, labelled_at = now() WHERE anomaly_id = $1`,
        [anomalyId, label],
      );
      if (labelled === 0) throw notFound(anomalyId);
      await manager.query(`INSERT INTO anomaly_labels (anomaly_id, label, note) VALUES ($1, $2, $3)`, [
        anomalyId,
        label,
        note === undefined ? null : withoutNul(note),
      ]);
    });
  }
}

function notFound(anomalyId: string): PlatformError {
  return new PlatformError('NOT_FOUND', `there is no anomaly ${anomalyId}`, { anomalyId });
}

function view({ ts, event_from, detected_at, ...row }: AnomalyRow): AnomalyView {
  return {
    ...row,
    ts: ts.toISOString(),
    event_from: event_from.toISOString(),
    detected_at: detected_at.toISOString(),
  };
}

function viewLabel({ label, note, created_at, applied_at }: LabelRow): LabelledAnomalyView['labels'][number] {
  return { label, note, created_at: created_at.toISOString(), applied_at: applied_at?.toISOString() ?? null };
}
