import { numberText } from './format.js';

/** What a person can read of `parts` of a forecast. */
export interface ReadableParts {
  /** Largest share first; shares add up to 1. */
  readonly models: readonly { readonly name: string; readonly share: number }[];
  readonly facts: readonly (readonly [name: string, text: string])[];
  /** Models with what was noted about them, such as why one was not used. */
  readonly passedOver: readonly (readonly [name: string, why: string])[];
}

const WEIGHTS: Readonly<Record<string, string>> = {
  scorecard: 'learnt from how each model did here',
  trial: 'by a trial on the newest points',
  prior: 'the usual ones: too few points for a trial',
  champion: 'one model is served here instead of the mean',
};
const CALIBRATION: Readonly<Record<string, string>> = {
  scorecard: 'calibrated by what arrived here',
  trial: 'calibrated by the trial',
  none: 'as the models gave them',
};

/** Takes `parts` apart; what is not there or not understood is left out. */
export function partsOf(parts: Record<string, unknown>): ReadableParts {
  const { models, weights, calibration, champion } = objectOf(parts.aggregation);
  const shares = Object.entries(objectOf(models)).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  const notes = Object.entries(objectOf(parts.chosen)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    models: shares.map(([name, share]) => ({ name, share })).toSorted((a, b) => b.share - a.share),
    facts: [
      ...fact('Weights', WEIGHTS[textOf(objectOf(weights).from)]),
      ...fact('Intervals', CALIBRATION[textOf(objectOf(calibration).from)]),
      ...fact('Champion', textOf(objectOf(champion).reason)),
      ...fact('Context', contextText(parts)),
      ...fact('Policy', textOf(parts.policy)),
    ],
    passedOver: notes.filter(([, why]) => !why.startsWith('weight ')),
  };
}

function contextText({ contextPoints, observed }: Record<string, unknown>): string | undefined {
  if (typeof contextPoints !== 'number') return undefined;
  const gaps = typeof observed === 'number' ? contextPoints - observed : 0;
  return `${numberText(contextPoints)} points${gaps > 0 ? `, ${numberText(gaps)} of them missing` : ''}`;
}

function fact(name: string, text: string | undefined): [string, string][] {
  return text ? [[name, text]] : [];
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
