// npm run dashboards: writes the dashboards and alert rules of this folder as Grafana's provisioning reads them.
import { writeFileSync } from 'node:fs';

import { alertRulesJson } from './alert-rules.js';
import { dashboardJson } from './dashboard.js';
import { DASHBOARDS } from './dashboards.js';

const files = {
  ...Object.fromEntries(
    Object.entries(DASHBOARDS).map(([name, build]) => [`grafana/dashboards/${name}.json`, dashboardJson(build())]),
  ),
  'grafana/provisioning/alerting/tidecast.yaml': alertRulesJson(),
};
for (const [file, text] of Object.entries(files)) {
  writeFileSync(file, text);
  process.stdout.write(`wrote ${file}\n`);
}
