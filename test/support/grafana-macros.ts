/** What Grafana knows when it sends a panel's query to PostgreSQL. */
export interface GrafanaScope {
  readonly from: Date;
  readonly to: Date;
  readonly intervalMs: number;
  /** Chosen values of each variable. */
  readonly variables: Readonly<Record<string, readonly string[]>>;
}

/**
 * The SQL that PostgreSQL gets: variables as Grafana's front end replaces them, then the macros as its data source
 * `grafana-postgresql-datasource` does. Throws for anything it does not know, as the database would get it raw.
 */
export function expandMacros(rawSql: string, scope: GrafanaScope): string {
  const { intervalMs, variables } = scope;
  const time = { from: `'${scope.from.toISOString()}'`, to: `'${scope.to.toISOString()}'` };
  const withVariables = rawSql
    .replaceAll('$__interval_ms', String(intervalMs))
    .replaceAll('$__interval', `${intervalMs / 1_000}s`)
    .replaceAll(/\$\{(\w+):sqlstring\}/g, (_, name: string) => valuesOf(variables, name).map(quote).join(','))
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => valuesOf(variables, name).join(','))
    .replaceAll('$__searchFilter', `${variables['__searchFilter']?.[0] ?? ''}%`);
  const expanded = withVariables.replaceAll(/\$(__\w+)\(([^)]*)\)/g, (call, name: string, list: string) => {
    const [column = '', step = ''] = list.split(',').map((part) => part.trim());
    const group = `floor(extract(epoch from ${column})/${seconds(step)})*${seconds(step)}`;
    if (name === '__timeFilter') return `${column} BETWEEN ${time.from} AND ${time.to}`;
    if (name === '__timeFrom') return time.from;
    if (name === '__timeTo') return time.to;
    if (name === '__timeGroup') return group;
    if (name === '__timeGroupAlias') return `${group} AS "time"`;
    throw new Error(`unknown macro ${call}`);
  });
  const left = /\$[{\w]+/.exec(expanded);
  if (left) throw new Error(`nothing replaces ${left[0]} in: ${expanded}`);
  return expanded;
}

function valuesOf(variables: GrafanaScope['variables'], name: string): readonly string[] {
  const values = variables[name];
  if (!values || values.length === 0) throw new Error(`the variable ${name} has no value`);
  return values;
}

function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function seconds(step: string): number {
  return Number.parseFloat(step.replaceAll("'", ''));
}
