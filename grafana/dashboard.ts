import {
  DashboardBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';

/** What the dashboards have in common: tag, zone, and links to each other that keep the time and the variables. */
export function dashboard(title: string, uid: string, description: string): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['tidecast'])
    .timezone('browser')
    .refresh('1m')
    .editable()
    .link(
      new DashboardLinkBuilder('Tidecast')
        .type(DashboardLinkType.Dashboards)
        .tags(['tidecast'])
        .keepTime(true)
        .includeVars(true),
    );
}

/** A dashboard as the file that Grafana reads. */
export function dashboardJson(dashboard: Dashboard): string {
  // Grafana numbers panels without an id anew at each load, which would break links to a panel.
  const numbered = dashboard.panels?.map((panel, index) => ({ ...panel, id: index + 1 }));
  return `${JSON.stringify({ ...dashboard, panels: numbered }, null, 2)}\n`;
}
