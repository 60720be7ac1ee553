// npm run dashboards: writes the dashboards and alert rules of this folder as Grafana's provisioning reads them.
import { writeFileSync } from 'node:fs';
import { alertRulesJson } from './alert-rules.js';
import { dashboardJson } from './tidecast-dashboard.js';

const files = {
  'grafana/dashboards/tidecast.json': dashboardJson(),
  'grafana/provisioning/alerting/tidecast.yaml': alertRulesJson(),
};
for (const [file, text] of Object.entries(files)) {
  writeFileSync(file, text);
  process.stdout.write(`wrote ${file}\n`);
}
