import { useState } from 'preact/hooks';
import { get, send, type ApiError, type DeadLetter, type StreamHealth } from '../api.js';
import { ageText, bytesText } from '../format.js';
import { useChanges, useLoad, useNow, useThrottled } from '../hooks.js';
import { Card, Chip, PageTitle, Problem, Table } from '../parts/common.js';

interface Letters {
  readonly dead_letters: DeadLetter[];
  readonly next_cursor: string | null;
}

const PAGE = 50;

/** How far the consumer groups are, and the records that could not be used. */
export function StreamsPage() {
  const health = useLoad((signal) => get<StreamHealth>('/streams', {}, signal), []);
  const [pages, setPages] = useState(1);
  const letters = useLoad((signal) => readLetters(pages, signal), [pages]);
  const refresh = useThrottled(() => {
    health.reload();
    letters.reload();
  }, 2_000);
  useChanges([], ({ type }) => type === 'streams' && refresh(), refresh);
  const now = useNow(1_000);
  const { data } = health;
  return (
    <>
      <PageTitle title="Streams" />
      <Problem error={health.error} retry={health.reload} />
      {data && (
        <dl class="tiles">
          <Tile name="Log" value={data.log === 'kafka' ? 'Kafka' : 'PostgreSQL'} />
          <Tile
            name="Behind"
            value={`${data.streams.reduce((sum, { lag }) => sum + lag, 0).toLocaleString()} records`}
          />
          <Tile
            name="Dead letters"
            value={data.dead_letters.count.toLocaleString()}
            note={data.dead_letters.newest_at ? ageText(Date.parse(data.dead_letters.newest_at), now) : 'none'}
          />
          <Tile
            name="On their way out"
            value={data.outbox.waiting.toLocaleString()}
            note={data.outbox.oldest_at ? `oldest ${ageText(Date.parse(data.outbox.oldest_at), now)}` : 'nothing waits'}
          />
        </dl>
      )}
      <div class="stack">
        <DeadLetters
          letters={letters.data}
          error={letters.error}
          onReplayed={refresh}
          onMore={() => setPages(pages + 1)}
          now={now}
        />
        {data?.streams.map((stream) => (
          <Card
            key={`${stream.group} ${stream.topic}`}
            title={<bdi>{stream.group}</bdi>}
            actions={
              <Chip tone={stream.lag === 0 ? 'good' : 'warn'}>
                {stream.lag === 0 ? 'up to date' : `${stream.lag.toLocaleString()} behind`}
              </Chip>
            }
          >
            <p class="quiet">
              reads <bdi>{stream.topic}</bdi>
            </p>
            <Table
              caption={`Partitions of ${stream.topic} for ${stream.group}`}
              head={['Partition', 'Next', 'End', 'Behind', 'Moved']}
            >
              {stream.partitions.map((part) => (
                <tr key={part.partition}>
                  <th scope="row">{part.partition}</th>
                  <td>{part.next_offset.toLocaleString()}</td>
                  <td>{part.end_offset.toLocaleString()}</td>
                  <td>{part.lag.toLocaleString()}</td>
                  <td>{part.moved_at ? ageText(Date.parse(part.moved_at), now) : '–'}</td>
                </tr>
              ))}
            </Table>
          </Card>
        ))}
      </div>
    </>
  );
}

function Tile({ name, value, note }: { readonly name: string; readonly value: string; readonly note?: string }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function DeadLetters(props: {
  readonly letters: Letters | undefined;
  readonly error: ApiError | undefined;
  readonly onReplayed: () => void;
  readonly onMore: () => void;
  readonly now: number;
}) {
  const { letters, error, onReplayed, onMore, now } = props;
  const list = letters?.dead_letters ?? [];
  return (
    <Card title="Dead letters">
      <p class="quiet">Records that could not be used. Once their cause is mended they can be sent again.</p>
      <Problem error={error} />
      {letters && list.length === 0 && <p>None: everything could be used.</p>}
      <ul class="letters">
        {list.map((letter) => (
          <Letter
            key={`${letter.topic}/${letter.partition}/${letter.offset}`}
            letter={letter}
            onReplayed={onReplayed}
            now={now}
          />
        ))}
      </ul>
      {letters?.next_cursor && (
        <button type="button" class="more" onClick={onMore}>
          Show more
        </button>
      )}
    </Card>
  );
}

function Letter({
  letter,
  onReplayed,
  now,
}: {
  readonly letter: DeadLetter;
  readonly onReplayed: () => void;
  readonly now: number;
}) {
  const [error, setError] = useState<ApiError>();
  const [state, setState] = useState<'here' | 'going' | 'gone'>('here');
  const { topic, partition, offset } = letter;
  const replay = async () => {
    setState('going');
    setError(undefined);
    try {
      await send('POST', `/dead-letters/${encodeURIComponent(topic)}/${partition}/${offset}/replay`);
      setState('gone');
      onReplayed();
    } catch (thrown) {
      setState('here');
      setError(thrown as ApiError);
    }
  };
  return (
    <li>
      <div class="anomaly-head">
        <code>{letter.code}</code>
        <span class="quiet">
          <bdi>{topic}</bdi> / {partition} / {offset}, {ageText(Date.parse(letter.occurred_at), now)}
        </span>
        <button type="button" disabled={state !== 'here'} onClick={() => void replay()}>
          {state === 'gone' ? 'Sent again' : 'Replay'}
        </button>
      </div>
      <p>
        <bdi>{letter.message}</bdi>
      </p>
      <Problem error={error} />
      {letter.value !== null && (
        <details>
          <summary>
            The record
            {letter.key !== null && (
              <>
                {' '}
                of key <bdi>{letter.key}</bdi>
              </>
            )}
            , {bytesText(letter.value_bytes)}
            {letter.encoding === 'base64' && ', in base64'}
          </summary>
          <pre>{letter.value}</pre>
        </details>
      )}
    </li>
  );
}

async function readLetters(pages: number, signal: AbortSignal): Promise<Letters> {
  const found: DeadLetter[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < pages; n++) {
    const page = await get<Letters>('/dead-letters', { limit: PAGE, cursor }, signal);
    found.push(...page.dead_letters);
    if (page.next_cursor === null) return { dead_letters: found, next_cursor: null };
    cursor = page.next_cursor;
  }
  return { dead_letters: found, next_cursor: cursor ?? null };
}
