import { useState } from 'preact/hooks';
import { ApiError, send, type Anomaly } from '../api.js';
import { numberText, percentText, timeText } from '../format.js';
import { detectorsOf, reasonsOf } from '../reasons.js';
import { Card, Chip, Problem } from './common.js';

interface ListProps {
  readonly anomalies: readonly Anomaly[];
  readonly error: ApiError | undefined;
  readonly onChanged: () => void;
  readonly onShow: (ts: string) => void;
}

const FIRST = 5;

/** Anomalies with their reasons; one click says what each was. */
export function AnomalyList({ anomalies, error, onChanged, onShow }: ListProps) {
  const [alertsOnly, setAlertsOnly] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const wanted = anomalies.filter(({ alert }) => alert || !alertsOnly);
  const shown = isOpen ? wanted : wanted.slice(0, FIRST);
  return (
    <Card
      title="Anomalies"
      actions={
        <label class="check">
          <input
            type="checkbox"
            checked={alertsOnly}
            onChange={(event) => setAlertsOnly(event.currentTarget.checked)}
          />
          alerts only
        </label>
      }
    >
      <Problem error={error} retry={onChanged} />
      {wanted.length === 0 && <p class="quiet">None so far.</p>}
      <ul class="anomalies">
        {shown.map((anomaly) => (
          <AnomalyEntry key={anomaly.anomaly_id} anomaly={anomaly} onChanged={onChanged} onShow={onShow} />
        ))}
      </ul>
      {wanted.length > shown.length && (
        <button type="button" class="more" onClick={() => setOpen(true)}>
          Show all {wanted.length}
        </button>
      )}
    </Card>
  );
}

function AnomalyEntry({
  anomaly,
  onChanged,
  onShow,
}: Pick<ListProps, 'onChanged' | 'onShow'> & { readonly anomaly: Anomaly }) {
  const [error, setError] = useState<ApiError>();
  // Shown at once; the server's word comes a moment later.
  const [label, setLabel] = useState(anomaly.label);
  const give = async (next: NonNullable<Anomaly['label']>) => {
    const before = label;
    setLabel(next);
    setError(undefined);
    try {
      await send('POST', `/anomalies/${anomaly.anomaly_id}/label`, { label: next });
      onChanged();
    } catch (thrown) {
      setLabel(before);
      setError(thrown as ApiError);
    }
  };
  const reasons = reasonsOf(anomaly.explanation);
  return (
    <li>
      <div class="anomaly-head">
        <button type="button" class="link" onClick={() => onShow(anomaly.ts)}>
          {timeText(anomaly.ts)}
        </button>
        {anomaly.alert ? (
          <Chip tone="bad">alert</Chip>
        ) : (
          <Chip tone="idle">{anomaly.suppressed_by ? 'not told' : 'noted'}</Chip>
        )}
        <span class="quiet">score {numberText(anomaly.score)}</span>
      </div>
      {reasons.map((reason) => (
        <p key={reason} class="reason">
          <bdi>{reason}</bdi>
        </p>
      ))}
      {!anomaly.alert && anomaly.suppressed_by && (
        <p class="quiet">
          Nobody was told: <bdi>{anomaly.suppressed_by}</bdi>.
        </p>
      )}
      <p class="quiet">
        {detectorsOf(anomaly.explanation)
          .slice(0, 3)
          .map(({ name, score }) => `${name} ${numberText(score)}`)
          .join(' · ')}{' '}
        · confidence {percentText(anomaly.confidence)}
      </p>
      <div class="labels" role="group" aria-label={`What was it at ${timeText(anomaly.ts)}?`}>
        <button type="button" aria-pressed={label === 'true-positive'} onClick={() => void give('true-positive')}>
          Real
        </button>
        <button type="button" aria-pressed={label === 'false-positive'} onClick={() => void give('false-positive')}>
          False alarm
        </button>
      </div>
      <Problem error={error} />
    </li>
  );
}
