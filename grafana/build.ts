// npm run dashboards: writes the dashboards of this folder as the JSON that Grafana's provisioning reads.
import { writeFileSync } from 'node:fs';
import { dashboardJson } from './tidecast-dashboard.js';

const file = 'grafana/dashboards/tidecast.json';
writeFileSync(file, dashboardJson());
process.stdout.write(`wrote ${file}\n`);
