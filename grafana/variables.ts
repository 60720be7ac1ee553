import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';

import { DATABASE } from './data-sources.js';

const LEADS = ['1', '2', '3', '6', '12', '24', '48'];

// What is typed into the drop-down narrows it, as there may be many more items than it can show.
const ITEMS = `SELECT DISTINCT item_id FROM series WHERE item_id LIKE '$__searchFilter' ORDER BY item_id LIMIT 1000`;
const CHANNELS = 'SELECT DISTINCT channel FROM series WHERE item_id IN (${item:sqlstring}) ORDER BY channel';

export function itemVariable(): QueryVariableBuilder {
  return queryVariable('item', 'Item', ITEMS);
}

/** The channels of the item chosen; all of them to begin with. */
export function channelVariable(): QueryVariableBuilder {
  return queryVariable('channel', 'Channel', CHANNELS)
    .multi(true)
    .includeAll(true)
    .current({ text: ['All'], value: ['$__all'] });
}

/** How many steps ahead the forecasts of the past were made. */
export function leadVariable(): CustomVariableBuilder {
  return new CustomVariableBuilder('lead')
    .label('Steps ahead')
    .values(LEADS.join(','))
    .current({ text: '1', value: '1' })
    .options(LEADS.map((lead) => ({ text: lead, value: lead, selected: lead === '1' })));
}

function queryVariable(name: string, label: string, sql: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATABASE)
    .query(sql)
    .definition(sql)
    .refresh(VariableRefresh.OnDashboardLoad);
}
