import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metrics, metricsRegistry } from '@app/observability';
import { Counter, Gauge, Histogram, type Metric } from 'prom-client';

import { alertRulesJson } from '../../grafana/alert-rules.js';
import { METRIC_QUERIES } from '../../grafana/health/metrics.js';
import { eventually } from '../support/processes.js';
import { PrometheusProcess, describeWithPrometheus } from '../support/prometheus.js';

/** Every label that a metric declares gets this value; a status is one of an error. */
const LABELS: Readonly<Record<string, string>> = { status: '500', fallback: 'true' };

/** What a process would have measured. */
function useAll(): void {
  for (const metric of Object.values<Metric>(metrics)) {
    const { labelNames } = metric as unknown as { labelNames: string[] };
    const labels = Object.fromEntries(labelNames.map((name) => [name, LABELS[name] ?? `a ${name}`]));
    if (metric instanceof Counter) metric.inc(labels);
    else if (metric instanceof Gauge) metric.set(labels, 3);
    else if (metric instanceof Histogram) metric.observe(labels, 0.02);
  }
}

const queries = Object.entries(METRIC_QUERIES).flatMap(([panel, byLegend]) =>
  Object.entries<string>(byLegend).map(([legend, expr]) => ({ panel, legend, expr })),
);
const { groups } = JSON.parse(alertRulesJson()) as { groups: { rules: { uid: string; data: { model: Rule }[] }[] }[] };
interface Rule {
  readonly expr?: string;
}
const rules = groups.flatMap((group) =>
  group.rules.flatMap(({ uid, data }) => data.flatMap(({ model: { expr } }) => (expr ? [{ uid, expr }] : []))),
);

describeWithPrometheus('the queries of metrics, by a Prometheus that scrapes them', () => {
  let endpoint: Server;
  let prometheus: PrometheusProcess;

  /** Label sets of the instant answer. */
  const ask = async (expr: string) => {
    const query = new URLSearchParams({ query: expr.replaceAll('$__rate_interval', '1m') });
    const response = await fetch(`${prometheus.url}/api/v1/query?${query}`);
    const body = (await response.json()) as { error?: string; data?: { result: { metric: Record<string, string> }[] } };
    if (!body.data) throw new Error(`${expr}: ${body.error}`);
    return body.data.result.map(({ metric }) => metric);
  };

  beforeAll(async () => {
    endpoint = createServer((_, response) => {
      useAll();
      void metricsRegistry.metrics().then((text) => response.end(text));
    });
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    const { port } = endpoint.address() as AddressInfo;
    prometheus = await PrometheusProcess.start({
      config: JSON.stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s' },
        scrape_configs: [{ job_name: 'tidecast', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
      }),
    });
    // A rate needs two scrapes.
    await eventually(async () => (await ask('rate(process_cpu_seconds_total[$__rate_interval])')).length > 0);
  });
  afterAll(async () => {
    await prometheus?.stop();
    endpoint?.close();
  });

  it.each(queries)('$panel, "$legend": $expr', async ({ legend, expr }) => {
    const [first, ...others] = await ask(expr);
    expect(first).toBeDefined();
    const wanted = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    // A legend without labels is of one line.
    if (wanted.length === 0) expect(others).toEqual([]);
    for (const label of wanted) expect(first).toHaveProperty(label);
  });

  it.each(rules)('the alert rule $uid', async ({ expr }) => {
    expect(await ask(expr)).not.toEqual([]);
  });
});
