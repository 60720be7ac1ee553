import type { LoadedModel, ModelManifest } from '@app/inference';
import { PlatformError } from '@app/observability';
import { CANONICAL_LEVELS } from '@app/series';
import type { Together } from './network.js';

/** Channels of one row at most, whatever a package says: the cost of asking for one grows with all of them. */
const MOST_TOGETHER = 128;

/** How a package is spoken to, as its tensors say. */
export type Signature =
  /** Ours: windows that the caller standardised to quantiles. */
  | { readonly kind: 'quantiles'; readonly together?: Together }
  /** Official checkpoints: windows [batch, points, channels] to one value a step. */
  | {
      readonly kind: 'points';
      readonly together?: Together;
      readonly values: string;
      readonly mask?: string;
      /** Time features, of which none are given. */
      readonly marks?: string;
      readonly frequencyToken: boolean;
      readonly output: string;
    }
  /** Official decoders: new points on a cache of earlier ones to the forecasts of several heads. */
  | {
      readonly kind: 'decoder';
      /** Steps of the heads, ascending. */
      readonly horizons: readonly number[];
      readonly layers: number;
      readonly heads: number;
      readonly headSize: number;
    };

/** A signature with the tensors by which a package has it; each is `name dtype sizes`, `*` for a free size. */
export interface Layout<Of extends Signature = Signature> {
  readonly signature: Of;
  /** All inputs. */
  readonly inputs: readonly string[];
  /** Outputs that are needed; there may be more. */
  readonly outputs: readonly string[];
}

type Of<Kind extends Signature['kind']> = Layout<Extract<Signature, { kind: Kind }>>;

/** Ours, each channel on its own. */
export function seriesQuantiles({ contextLength, predictionLength }: ModelManifest): Of<'quantiles'> {
  return {
    signature: { kind: 'quantiles' },
    inputs: [
      `past_values float32 ${contextLength}`,
      `past_observed_mask float32 ${contextLength}`,
      'season_candidates int64 4',
    ],
    outputs: [`quantiles float32 ${predictionLength},${CANONICAL_LEVELS.length}`],
  };
}

/** Ours, the channels of an item together. */
export function jointQuantiles(manifest: ModelManifest): Of<'quantiles'> {
  const { contextLength, predictionLength } = manifest;
  const together = togetherOf(manifest);
  const variates = together.names?.length ?? '*';
  return {
    signature: { kind: 'quantiles', together },
    inputs: [
      `past_values float32 ${variates},${contextLength}`,
      `past_observed_mask float32 ${variates},${contextLength}`,
      'season_candidates int64 4',
    ],
    outputs: [`quantiles float32 ${variates},${predictionLength},${CANONICAL_LEVELS.length}`],
  };
}

/** An official checkpoint that forecasts points. */
export function officialPoints(
  manifest: ModelManifest,
  names: { values: string; mask?: string; marks?: string; frequencyToken?: string; output: string },
): Of<'points'> {
  const { contextLength, predictionLength, channelPolicy, channels } = manifest;
  const { values, mask, marks, frequencyToken, output } = names;
  const alone = channelPolicy === 'independent' && channels === undefined;
  const size = channels?.length ?? '*';
  return {
    signature: {
      kind: 'points',
      ...(alone ? {} : { together: togetherOf(manifest) }),
      values,
      mask,
      marks,
      frequencyToken: frequencyToken !== undefined,
      output,
    },
    inputs: [
      `${values} float32 ${contextLength},${size}`,
      ...(mask === undefined ? [] : [`${mask} float32 ${contextLength},${size}`]),
      ...(marks === undefined ? [] : [`${marks} float32 ${contextLength},*`]),
      ...(frequencyToken === undefined ? [] : [`${frequencyToken} int64`]),
    ],
    outputs: [`${output} float32 ${predictionLength},${size}`],
  };
}

/** An official decoder with a cache of keys and values. */
export function cachedDecoder({ inputs, outputs }: ModelManifest): Of<'decoder'> {
  const cache = inputs.find(({ name }) => name === 'past_key_values')?.shape ?? [];
  const [layers, heads, headSize] = [cache[1], cache[3], cache[5]].map((size) => Number(size ?? 0)) as [
    number,
    number,
    number,
  ];
  const horizons = outputs
    .map(({ name }) => Number(/^head_(\d+)_last$/.exec(name)?.[1] ?? 0))
    .filter((horizon) => horizon > 0)
    .sort((a, b) => a - b);
  return {
    signature: { kind: 'decoder', horizons, layers, heads, headSize },
    inputs: [
      'input_values float32 *',
      'attention_mask float32 *',
      'past_mask float32 *',
      `past_key_values float32 ${layers},2,${heads},*,${headSize}`,
    ],
    outputs: [
      ...(horizons.length > 0 ? horizons : [1]).map((horizon) => `head_${horizon}_last float32 ${horizon}`),
      'present_mask float32 *',
      `present_key_values float32 ${layers},2,${heads},*,${headSize}`,
    ],
  };
}

/**
 * Which of the layouts of its family a package has.
 *
 * @throws PlatformError MODEL_INVALID naming the tensors, levels or channel policy at fault.
 */
export function readSignature<Candidate extends Layout>(
  { name, manifest }: LoadedModel,
  layouts: readonly Candidate[],
): Candidate['signature'] {
  const found = { inputs: manifest.inputs.map(text), outputs: manifest.outputs.map(text) };
  const compared = layouts.map((layout) => ({
    layout,
    missing: [
      ...layout.inputs.filter((tensor) => !found.inputs.includes(tensor)),
      ...layout.outputs.filter((tensor) => !found.outputs.includes(tensor)),
    ],
    unknown: found.inputs.filter((tensor) => !layout.inputs.includes(tensor)),
  }));
  const nearest = compared.reduce((best, one) => (faults(one) < faults(best) ? one : best));
  if (faults(nearest) > 0) {
    const unknown = nearest.unknown.filter((tensor) => !nearest.missing.some((one) => nameOf(one) === nameOf(tensor)));
    const tensors = [...found.inputs, ...found.outputs].join('; ');
    refuse(name, [
      `tensors are ${tensors}`,
      ...(nearest.missing.length > 0 ? [`missing: ${nearest.missing.join('; ')}`] : []),
      ...(unknown.length > 0 ? [`serving has nothing to give: ${unknown.join('; ')}`] : []),
      ...whyFixed(manifest),
    ]);
  }
  const { signature } = nearest.layout;
  if (signature.kind === 'quantiles') checkQuantiles(name, manifest, signature);
  return signature;
}

function checkQuantiles(name: string, { levels, channelPolicy }: ModelManifest, { together }: { together?: Together }) {
  if (levels.join() !== CANONICAL_LEVELS.join()) {
    refuse(name, [`levels are ${levels.join()}; must be ${CANONICAL_LEVELS.join()}`]);
  }
  if (together && channelPolicy === 'independent') {
    refuse(name, ['channelPolicy is independent; must be aligned or mixing, as its tensors have variates']);
  }
  if (!together && channelPolicy !== 'independent') {
    refuse(name, [`channelPolicy is ${channelPolicy}; must be independent, as its tensors have no variates`]);
  }
}

function togetherOf({ channels, architecture }: ModelManifest): Together {
  if (channels) return { most: channels.length, names: channels };
  const most = architecture?.['max_variates'];
  return { most: typeof most === 'number' ? Math.min(most, MOST_TOGETHER) : MOST_TOGETHER };
}

/** The commonest reason for which a multivariate checkpoint fits nothing. */
function whyFixed({ inputs, channels }: ModelManifest): string[] {
  const size = inputs[0]?.shape[2];
  if (channels !== undefined || inputs[0]?.shape.length !== 3 || typeof size !== 'number') return [];
  return [`it was made for ${size} channels, so its manifest must name them in their order ("channels")`];
}

function text({ name, dtype, shape }: ModelManifest['inputs'][number]): string {
  const sizes = shape.slice(1).map((size) => (typeof size === 'number' ? size : '*'));
  return [name, dtype, sizes.join()].join(' ').trimEnd();
}

function nameOf(tensor: string): string {
  return tensor.split(' ')[0]!;
}

function faults({ missing, unknown }: { missing: readonly string[]; unknown: readonly string[] }): number {
  return missing.length + unknown.length;
}

function refuse(name: string, reasons: readonly string[]): never {
  throw new PlatformError('MODEL_INVALID', `model package ${name}: ${reasons.join('; ')}`, { model: name });
}
