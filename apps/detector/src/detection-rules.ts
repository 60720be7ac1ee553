import { readFileSync } from 'node:fs';

import type { SuppressionRules } from '@app/detectors';
import { PlatformError, messageOf } from '@app/observability';
import { Frequency } from '@app/series';
import { z } from 'zod';

import { once, recurring } from './known-events.js';
import type { Alignment } from './watch/row-watch.js';

/**
 * `channel`: the ensemble of each channel; `forecast`: residuals of stored forecasts, each channel; `item`: the ensemble
 * over all channels; `rola`: RoLA over all channels.
 */
export const DETECTORS = ['channel', 'forecast', 'item', 'rola'] as const;
export type DetectorKind = (typeof DETECTORS)[number];

/** "At most so many alerts in a period", for each item or for all that the rule selects. */
export interface Budget {
  readonly alerts: number;
  readonly periodMs: number;
  readonly over: 'item' | 'selector';
}

/** How some items are watched. */
export interface DetectionRule {
  readonly name: string;
  readonly detectors: ReadonlySet<DetectorKind>;
  readonly budget: Budget;
  readonly suppress: SuppressionRules;
  readonly alignment: Alignment;
}

const duration = z.string().transform((text, context) => {
  const freq = Frequency.parse(text);
  if (freq) return freq.approxMs;
  const message = `"${text}" is no ISO-8601 duration of one unit, such as PT10M or P1W`;
  context.issues.push({ code: 'custom', message, input: text });
  return z.NEVER;
});
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const onceSchema = z
  .strictObject({ name: z.string(), from: time, to: time })
  .refine(({ from, to }) => from < to, 'ends before it begins: "to" must be after "from"')
  .transform(({ name, from, to }) => once(name, from, to));
const recurringSchema = z
  .strictObject({ name: z.string(), cron: z.string(), time_zone: z.string().default('UTC'), duration })
  .transform(({ name, cron, time_zone, duration: durationMs }, context) => {
    try {
      return recurring(name, cron, time_zone, durationMs);
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: cron });
      return z.NEVER;
    }
  });
// Told apart before they are checked: a message about both helps nobody.
const knownEventSchema = z.looseObject({}).transform((event, context) => {
  const { data, error } = ('cron' in event ? recurringSchema : onceSchema).safeParse(event);
  if (data) return data;
  for (const { message, path } of error.issues) context.issues.push({ code: 'custom', message, path, input: event });
  return z.NEVER;
});

const suppressSchema = z
  .strictObject({
    absolute: z.number().positive().optional(),
    relative: z.number().positive().optional(),
    direction: z.enum(['above', 'below']).optional(),
    minimum_duration: duration.optional(),
    calendar: z.array(knownEventSchema).optional(),
  })
  .prefault({});
const budgetSchema = z
  .strictObject({
    alerts: z.int().min(1).max(1_000).default(7),
    period: duration.prefault('P1W'),
    over: z.enum(['item', 'selector']).default('item'),
  })
  .prefault({});
const alignSchema = z
  .strictObject({
    every: duration.optional(),
    wait_rows: z.int().min(0).max(1_000).default(2),
    fill: duration.optional(),
  })
  .prefault({});
const ruleSchema = z.strictObject({
  name: z.string().min(1).max(100),
  item_ids: z.array(z.string().min(1)).min(1).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  detectors: z.array(z.enum(DETECTORS)).default([...DETECTORS]),
  budget: budgetSchema,
  suppress: suppressSchema,
  align: alignSchema,
});
const rulesSchema = z
  .array(ruleSchema)
  .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, 'two rules have one name');
type RuleInput = z.output<typeof ruleSchema>;

/** The labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/** Which rule an item is watched by: the first that selects it, else the default. */
export class DetectionRules {
  /** Whether any rule selects by labels. */
  readonly byLabels: boolean;
  private readonly rules: readonly { readonly selects: Selector; readonly rule: DetectionRule }[];

  private constructor(inputs: readonly RuleInput[]) {
    const fallback = ruleSchema.parse({ name: 'default' });
    this.byLabels = inputs.some(({ labels }) => labels !== undefined);
    this.rules = [...inputs, fallback].map((input) => ({ selects: selector(input), rule: toRule(input) }));
  }

  /**
   * The rules of a JSON file, or the defaults without one.
   *
   * @throws PlatformError CONFIG_INVALID with all that is wrong in the file.
   */
  static load(file: string | undefined): DetectionRules {
    if (file === undefined) return new DetectionRules([]);
    try {
      return DetectionRules.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
      throw new PlatformError('CONFIG_INVALID', `DETECTION_RULES ${file}: ${reason}`, {}, { cause: error });
    }
  }

  /** @throws ZodError */
  static parse(json: unknown): DetectionRules {
    return new DetectionRules(rulesSchema.parse(json));
  }

  /** @param series the labels of each series of the item. */
  of(itemId: string, series: readonly Labels[] = []): DetectionRule {
    // The default is the last one and selects everything.
    return this.rules.find(({ selects }) => selects(itemId, series))!.rule;
  }
}

type Selector = (itemId: string, series: readonly Labels[]) => boolean;

/** An item that is named, and of which one series carries all the labels. */
function selector({ item_ids, labels }: RuleInput): Selector {
  const named = matcher(item_ids);
  if (!labels) return named;
  const wanted = Object.entries(labels);
  const carries = (found: Labels) => wanted.every(([name, value]) => found[name] === value);
  return (itemId, series) => named(itemId) && series.some(carries);
}

/** Ids, in which * stands for any text. */
function matcher(patterns: readonly string[] | undefined): (itemId: string) => boolean {
  if (!patterns) return () => true;
  const quoted = patterns.map((pattern) => pattern.split('*').map(escapeRegExp).join('.*'));
  const expression = new RegExp(`^(?:${quoted.join('|')})$`, 's');
  return (itemId) => expression.test(itemId);
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

function toRule({ name, detectors, budget, suppress, align }: RuleInput): DetectionRule {
  const { minimum_duration, absolute, relative, direction, calendar } = suppress;
  return {
    name,
    detectors: new Set(detectors),
    budget: { alerts: budget.alerts, periodMs: budget.period, over: budget.over },
    suppress: {
      ...(absolute !== undefined && { absolute }),
      ...(relative !== undefined && { relative }),
      ...(direction !== undefined && { direction }),
      ...(minimum_duration !== undefined && { minimumDurationMs: minimum_duration }),
      ...(calendar !== undefined && { calendar }),
    },
    alignment: { everyMs: align.every ?? 1, waitRows: align.wait_rows, fillMs: align.fill ?? 0 },
  };
}
