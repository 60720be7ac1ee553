import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';

import { anomaliesDashboard } from './anomalies/dashboard.js';
import { healthDashboard } from './health/dashboard.js';
import { itemDashboard } from './item/dashboard.js';
import { overviewDashboard } from './overview/dashboard.js';
import { scorecardDashboard } from './scorecard/dashboard.js';

/** Every dashboard, by the name of its file in `dashboards/`. */
export const DASHBOARDS: Readonly<Record<string, () => Dashboard>> = {
  overview: overviewDashboard,
  item: itemDashboard,
  anomalies: anomaliesDashboard,
  scorecard: scorecardDashboard,
  health: healthDashboard,
};
