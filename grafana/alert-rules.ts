import { MISCOVERAGE } from './queries.js';

/** Points of coverage that a served 80 % interval may be off over a week. */
const TOLERATED = 0.06;
/** The data source that `grafana/provisioning/datasources` makes. */
const DATA_SOURCE_UID = 'tidecast';

/** Alert rules as Grafana's provisioning reads them; JSON is YAML too. */
export function alertRulesJson(): string {
  const query = {
    refId: 'A',
    relativeTimeRange: { from: 604_800, to: 0 },
    datasourceUid: DATA_SOURCE_UID,
    model: { refId: 'A', editorMode: 'code', rawQuery: true, rawSql: MISCOVERAGE, format: 'table' },
  };
  const threshold = {
    refId: 'B',
    datasourceUid: '__expr__',
    model: {
      refId: 'B',
      type: 'threshold',
      expression: 'A',
      conditions: [{ evaluator: { type: 'gt', params: [TOLERATED] } }],
    },
  };
  const rule = {
    uid: 'tidecast-miscoverage',
    title: 'Intervals do not cover what they promise',
    condition: 'B',
    data: [query, threshold],
    noDataState: 'OK',
    execErrState: 'Error',
    for: '1h',
    annotations: {
      summary: '{{ $labels.item_id }}/{{ $labels.channel }}: 80 % intervals were off by {{ $values.A }} over a week',
    },
    labels: { service: 'tidecast' },
  };
  const groups = [{ orgId: 1, name: 'tidecast', folder: 'Tidecast', interval: '10m', rules: [rule] }];
  return `${JSON.stringify({ apiVersion: 1, groups }, null, 2)}\n`;
}
