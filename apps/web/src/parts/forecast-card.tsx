import { useState } from 'preact/hooks';
import type { ApiError, Forecast } from '../api.js';
import { numberText, percentText, timeText } from '../format.js';
import { partsOf } from '../forecast-parts.js';
import { Bar, Card, Chip, Problem } from './common.js';

interface CardProps {
  readonly forecast: Forecast | undefined;
  readonly error: ApiError | undefined;
  readonly onMake: (horizon: number) => Promise<void>;
}

/** What the forecast is made of: the models with their shares, where weights and intervals come from. */
export function ForecastCard({ forecast, error, onMake }: CardProps) {
  return (
    <Card
      title="Forecast"
      actions={forecast && <Chip tone={forecast.status === 'ok' ? 'good' : 'warn'}>{forecast.status}</Chip>}
    >
      <Problem error={error} />
      {forecast ? <Made forecast={forecast} /> : <p class="quiet">None yet. Make the first one:</p>}
      <Maker horizon={forecast?.ts.length ?? 24} onMake={onMake} />
    </Card>
  );
}

function Made({ forecast }: { readonly forecast: Forecast }) {
  const { models, facts, passedOver } = partsOf(forecast.parts ?? {});
  return (
    <>
      <dl class="facts-list">
        <dt>Model</dt>
        <dd>
          {forecast.model} on {forecast.provider}
        </dd>
        <dt>Known until</dt>
        <dd>{timeText(forecast.cutoff)}</dd>
        <dt>Issued</dt>
        <dd>{timeText(forecast.issued_at)}</dd>
        <dt>Steps</dt>
        <dd>
          {forecast.ts.length}, until {timeText(forecast.ts.at(-1)!)}
        </dd>
        {facts.map(([name, text]) => (
          <>
            <dt key={`${name}-t`}>{name}</dt>
            <dd key={`${name}-d`}>{text}</dd>
          </>
        ))}
      </dl>
      {models.length > 0 && (
        <>
          <h3>Models in it</h3>
          <ul class="shares">
            {models.map(({ name, share }) => (
              <li key={name}>
                <bdi>{name}</bdi>
                <Bar share={share} label={`${name}: ${percentText(share)}`} />
                <span>{percentText(share)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {passedOver.length > 0 && (
        <details>
          <summary>Notes about {passedOver.length} models</summary>
          <ul class="plain-list">
            {passedOver.map(([name, why]) => (
              <li key={name}>
                <bdi>{name}</bdi>: <bdi>{why}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Maker({ horizon: usual, onMake }: { readonly horizon: number; readonly onMake: CardProps['onMake'] }) {
  const [horizon, setHorizon] = useState<number>();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const make = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    await onMake(horizon ?? usual).catch((thrown: unknown) => setError(thrown as ApiError));
    setBusy(false);
  };
  return (
    <form class="row" onSubmit={(event) => void make(event)}>
      <label class="field inline">
        Steps
        <input
          type="number"
          min={1}
          max={4096}
          required
          value={horizon ?? usual}
          onInput={(event) => setHorizon(event.currentTarget.valueAsNumber || undefined)}
        />
      </label>
      <button type="submit" class="primary" disabled={isBusy}>
        {isBusy ? 'Forecasting …' : 'Forecast now'}
      </button>
      <Problem error={error} />
      <span class="hidden" role="status">
        {isBusy ? `Forecasting ${numberText(horizon ?? usual)} steps` : ''}
      </span>
    </form>
  );
}
