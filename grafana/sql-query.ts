import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';

import { DATABASE } from './data-sources.js';

/** A panel's query as Grafana's PostgreSQL data source keeps it. */
export interface SqlTarget extends Dataquery {
  readonly refId: string;
  readonly datasource: typeof DATABASE;
  readonly editorMode: 'code';
  readonly rawQuery: true;
  readonly rawSql: string;
  /** `time_series` wants a column `time`; text columns become labels of the series. */
  readonly format: 'time_series' | 'table';
}

/** Rows as they come. */
export function tableQuery(refId: string, rawSql: string): Builder<SqlTarget> {
  return query(refId, rawSql, 'table');
}

/** Numbers over the column `time`. */
export function timeSeriesQuery(refId: string, rawSql: string): Builder<SqlTarget> {
  return query(refId, rawSql, 'time_series');
}

// The SDK has no builder for SQL data sources.
function query(refId: string, rawSql: string, format: SqlTarget['format']): Builder<SqlTarget> {
  return {
    build: () => ({
      refId,
      datasource: DATABASE,
      editorMode: 'code',
      rawQuery: true,
      rawSql,
      format,
      _implementsDataqueryVariant: () => undefined,
    }),
  };
}
