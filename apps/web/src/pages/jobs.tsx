import { useState } from 'preact/hooks';
import { get, send, type ApiError, type Job, type Run } from '../api.js';
import { ageText, lengthText, timeText } from '../format.js';
import { useChanges, useLoad, useNow, useThrottled } from '../hooks.js';
import { fieldText } from '../field-text.js';
import { Bar, Card, Chip, PageTitle, Problem, Table } from '../parts/common.js';

const TONES: Readonly<Record<Run['status'], string>> = {
  running: 'busy',
  succeeded: 'good',
  'partly-failed': 'warn',
  failed: 'bad',
  skipped: 'idle',
};

/** Schedules of forecasts with their runs, as they go on. */
export function JobsPage() {
  const { data, error, reload } = useLoad((signal) => get<{ jobs: Job[] }>('/jobs', {}, signal), []);
  const [turn, setTurn] = useState(0);
  const refresh = useThrottled(() => {
    reload();
    setTurn((n) => n + 1);
  }, 1_000);
  useChanges([], ({ type }) => type === 'jobs' && refresh(), refresh);
  return (
    <>
      <PageTitle title="Jobs" />
      <Problem error={error} retry={reload} />
      {data?.jobs.length === 0 && (
        <p class="notice">No job yet: one forecasts series by a schedule, again and again.</p>
      )}
      <div class="stack">
        {data?.jobs.map((job) => (
          <JobCard key={job.job_id} job={job} turn={turn} onChanged={refresh} />
        ))}
        <NewJob onMade={refresh} />
      </div>
    </>
  );
}

function JobCard({
  job,
  turn,
  onChanged,
}: {
  readonly job: Job;
  readonly turn: number;
  readonly onChanged: () => void;
}) {
  const now = useNow(1_000);
  const runs = useLoad(
    (signal) => get<{ runs: Run[] }>(`/jobs/${encodeURIComponent(job.job_id)}/runs`, { limit: 10 }, signal),
    [job.job_id, turn],
  );
  const [error, setError] = useState<ApiError>();
  const act = async (work: Promise<unknown>) => {
    setError(undefined);
    await work.catch((thrown: unknown) => setError(thrown as ApiError));
    onChanged();
  };
  const path = `/jobs/${encodeURIComponent(job.job_id)}`;
  const list = runs.data?.runs ?? [];
  return (
    <Card
      title={<bdi>{job.name}</bdi>}
      actions={
        <div class="row">
          <button type="button" onClick={() => void act(send('PATCH', path, { enabled: !job.enabled }))}>
            {job.enabled ? 'Pause' : 'Resume'}
          </button>
          <button
            type="button"
            class="primary"
            disabled={list[0]?.status === 'running'}
            onClick={() => void act(send('POST', `${path}/run`))}
          >
            Run now
          </button>
        </div>
      }
    >
      <p class="facts">
        <Chip tone={job.enabled ? 'good' : 'idle'}>{job.enabled ? 'on' : 'paused'}</Chip>
        <code>{job.cron}</code>
        <span>{job.time_zone}</span>
        <span>{job.horizon} steps</span>
        <span>{job.model}</span>
        <bdi>{selectorText(job.selector)}</bdi>
        {job.enabled && <span>next {ageText(Date.parse(job.next_run_at), now)}</span>}
      </p>
      <Problem error={error ?? runs.error} />
      {list[0] && <RunProgress run={list[0]} now={now} />}
      {list.length > 1 && (
        <details>
          <summary>Earlier runs</summary>
          <Table caption={`Runs of ${job.name}`} head={['Started', 'Status', 'Series', 'Failed', 'Took']}>
            {list.map((run) => (
              <tr key={run.run_id}>
                <th scope="row">{timeText(run.started_at)}</th>
                <td>
                  <Chip tone={TONES[run.status]}>{run.status}</Chip>
                </td>
                <td>{run.series_done}</td>
                <td>{run.series_failed}</td>
                <td>{run.duration_ms === null ? '–' : lengthText(run.duration_ms)}</td>
              </tr>
            ))}
          </Table>
        </details>
      )}
    </Card>
  );
}

function RunProgress({ run, now }: { readonly run: Run; readonly now: number }) {
  const { series_done: done, series_total: total, series_failed: failed, status } = run;
  const share = total > 0 ? done / total : status === 'running' ? 0 : 1;
  return (
    <div class="run">
      <div class="run-line">
        <Chip tone={TONES[status]}>{status}</Chip>
        <Bar share={share} label={`${done} of ${total} series`} />
        <span>
          {done} of {total} series{failed > 0 && `, ${failed} failed`}, {ageText(Date.parse(run.started_at), now)}
          {run.duration_ms !== null && ` in ${lengthText(run.duration_ms)}`}
        </span>
      </div>
      {run.failures.length > 0 && (
        <details>
          <summary>
            Why {run.failures.length === 1 ? 'a series has' : `${run.failures.length} series have`} no forecast
          </summary>
          <ul class="plain-list">
            {run.failures.map(({ item_id, channel, code, message }) => (
              <li key={`${item_id} ${channel}`}>
                <bdi>{item_id}</bdi> {channel && <bdi>{channel}</bdi>}: <code>{code}</code> <bdi>{message}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function NewJob({ onMade }: { readonly onMade: () => void }) {
  const [error, setError] = useState<ApiError>();
  const make = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = (name: string) => fieldText(form, name);
    const items = text('items')
      .split(/[\n,]/)
      .map((item) => item.trim())
      .filter(Boolean);
    setError(undefined);
    try {
      await send('POST', '/jobs', {
        ...(text('name') ? { name: text('name') } : {}),
        cron: text('cron'),
        horizon: Number(text('horizon')),
        time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        ...(items.length > 0 ? { selector: { item_ids: items } } : {}),
      });
      form.reset();
      onMade();
    } catch (thrown) {
      setError(thrown as ApiError);
    }
  };
  return (
    <Card title="New job">
      <form class="form" onSubmit={(event) => void make(event)}>
        <label class="field">
          Name
          <input name="name" maxLength={200} placeholder="pumps, hourly" />
        </label>
        <label class="field">
          Schedule (cron)
          <input name="cron" required defaultValue="5 * * * *" />
        </label>
        <label class="field">
          Steps ahead
          <input name="horizon" type="number" min={1} max={4096} required defaultValue="24" />
        </label>
        <label class="field">
          Items, comma between them (all when empty)
          <input name="items" placeholder="pump-7, pump-8" />
        </label>
        <button type="submit" class="primary">
          Create
        </button>
      </form>
      <Problem error={error} />
    </Card>
  );
}

function selectorText({ item_ids, labels }: Job['selector']): string {
  const parts = [
    ...(item_ids ? [item_ids.length > 3 ? `${item_ids.length} items` : item_ids.join(', ')] : []),
    ...Object.entries(labels ?? {}).map(([key, value]) => `${key}: ${value}`),
  ];
  return parts.join(' · ') || 'all series';
}
