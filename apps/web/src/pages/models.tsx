import { get, type Model } from '../api.js';
import { bytesText, numberText } from '../format.js';
import { useChanges, useLoad } from '../hooks.js';
import { Card, Chip, PageTitle, Problem } from '../parts/common.js';

const TONES: Readonly<Record<Model['state'], string>> = { ready: 'good', unloaded: 'idle', refused: 'bad' };

/** The models, and where each is proven to run. */
export function ModelsPage() {
  const { data, error, reload } = useLoad((signal) => get<{ models: Model[] }>('/models', {}, signal), []);
  useChanges([], ({ type }) => type === 'models' && reload(), reload);
  const neural = data?.models.filter(({ kind }) => kind === 'neural') ?? [];
  const baselines = data?.models.filter(({ kind }) => kind === 'baseline') ?? [];
  return (
    <>
      <PageTitle title="Models" />
      <Problem error={error} retry={reload} />
      {data && <h2 class="section">Networks</h2>}
      <div class="grid thirds">
        {neural.map((model) => (
          <ModelCard key={model.name} model={model} />
        ))}
      </div>
      {data && <h2 class="section">Baselines</h2>}
      <div class="grid thirds">
        {baselines.map((model) => (
          <ModelCard key={model.name} model={model} />
        ))}
      </div>
    </>
  );
}

function ModelCard({ model }: { readonly model: Model }) {
  const wql = zeroShotWql(model.metrics);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Runs on', model.provider],
    ['Sees', model.context_length ? `${numberText(model.context_length)} points` : undefined],
    ['Foretells', model.prediction_length ? `${numberText(model.prediction_length)} steps at once` : undefined],
    ['Channels', model.channel_policy],
    ['Trusted from', model.min_context ? `${model.min_context} points` : undefined],
    ['Parameters', model.parameters?.toLocaleString()],
    ['Memory', model.memory_bytes ? bytesText(model.memory_bytes) : undefined],
    ['Version', model.version],
    ['Licence', model.licence],
  ];
  return (
    <Card title={<bdi>{model.name}</bdi>} actions={<Chip tone={TONES[model.state]}>{model.state}</Chip>}>
      {model.reason && (
        <p class="notice bad">
          <code>{model.code}</code> <bdi>{model.reason}</bdi>
        </p>
      )}
      {model.provider_fallback && (
        <p class="notice">
          Not where it was wanted: <bdi>{model.provider_fallback}</bdi>
        </p>
      )}
      {model.refused_update && (
        <p class="notice">
          Newer files are not served: <bdi>{model.refused_update.reason}</bdi>
        </p>
      )}
      <dl class="facts-list">
        {facts.map(
          ([name, text]) =>
            text && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            ),
        )}
      </dl>
      {wql !== undefined && (
        <p class="quiet">On data it never saw its quantile loss was {numberText(wql)} of that of seasonal naive.</p>
      )}
    </Card>
  );
}

function zeroShotWql(metrics: Model['metrics']): number | undefined {
  const { relativeWql } = (metrics?.['zeroShot'] ?? {}) as { relativeWql?: unknown };
  return typeof relativeWql === 'number' ? relativeWql : undefined;
}
