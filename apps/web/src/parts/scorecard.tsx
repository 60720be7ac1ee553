import { useState } from 'preact/hooks';
import { get, type Score, type Scorecard } from '../api.js';
import { numberText, percentText, timeText } from '../format.js';
import { useLoad } from '../hooks.js';
import { Card, Problem, Table } from './common.js';

/** How the forecasts of a channel did once their actuals came. */
export function ScorecardCard({ itemId, channel }: { readonly itemId: string; readonly channel: string }) {
  const { data, error, reload } = useLoad(
    (signal) => get<Scorecard>('/scorecard', { item_id: itemId, channel }, signal),
    [itemId, channel],
  );
  const [bucket, setBucket] = useState('all');
  const buckets = [...new Set((data?.scores ?? []).flatMap(({ lead_bucket }) => lead_bucket ?? []))].toSorted(
    (a, b) => a - b,
  );
  const scores = (data?.scores ?? [])
    .filter(({ lead_bucket }) => (bucket === 'all' ? lead_bucket === null : lead_bucket === Number(bucket)))
    .toSorted((a, b) => (a.wql ?? Infinity) - (b.wql ?? Infinity));
  return (
    <Card
      wide
      title="Scorecard"
      actions={
        buckets.length > 0 && (
          <label class="field inline">
            Steps ahead
            <select value={bucket} onChange={(event) => setBucket(event.currentTarget.value)}>
              <option value="all">all</option>
              {buckets.map((first) => (
                <option key={first} value={String(first)}>
                  {first === 1 ? '1' : `${first} – ${first * 2 - 1}`}
                </option>
              ))}
            </select>
          </label>
        )
      }
    >
      <Problem error={error} retry={reload} />
      {data && scores.length === 0 && <p class="quiet">No forecast of this channel has met its actuals yet.</p>}
      {scores.length > 0 && (
        <Table
          caption="How each model did, best first"
          head={['Model', 'Points', 'Quantile loss', 'MASE', 'Mean error', 'In 80 %', 'In 95 %']}
        >
          {scores.map((score) => (
            <ScoreRow key={score.model} score={score} />
          ))}
        </Table>
      )}
      {data && data.champions.length > 0 && (
        <details>
          <summary>What is served here, and why</summary>
          <ul class="plain-list">
            {data.champions.map(({ champion, decided_at, reason }) => (
              <li key={decided_at}>
                {timeText(decided_at)}: <b>{champion}</b>, <bdi>{reason}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function ScoreRow({ score }: { readonly score: Score }) {
  return (
    <tr class={score.model === 'aggregate' ? 'served' : undefined}>
      <th scope="row">{score.model}</th>
      <td>{score.points.toLocaleString()}</td>
      <td>{numberText(score.wql)}</td>
      <td>{numberText(score.mase)}</td>
      <td>{numberText(score.mae)}</td>
      <td>{percentText(score.coverage_80)}</td>
      <td>{percentText(score.coverage_95)}</td>
    </tr>
  );
}
