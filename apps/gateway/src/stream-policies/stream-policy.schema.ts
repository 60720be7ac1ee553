import type { StreamPolicy } from '@app/persistence';
import { z } from 'zod';
import type { StreamPolicyInput } from '../../../forecaster/src/stream/stream-policies.service.js';

const selector = z.strictObject({
  item_ids: z.array(z.string()).optional().describe('Series of these items.'),
  labels: z.record(z.string(), z.string()).optional().describe('Series that carry all these labels.'),
});

/** Body of `POST /stream-policies`. */
export const policyRequest = z
  .strictObject({
    name: z.string().optional().describe('Unique; made up when absent.'),
    selector: selector.optional().describe('Which series; all when absent.'),
    horizon: z.int().min(1).describe('Steps ahead.'),
    model: z.string().min(1).optional().describe('A name that GET /models lists; auto when absent.'),
    every_points: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('A forecast on every n-th point of a series; 1 when neither this nor align is given.'),
    align: z
      .string()
      .optional()
      .describe(
        'ISO-8601 duration: a forecast as soon as the newest time of a series reaches or passes a multiple of it.',
      ),
    at_most_every: z.string().optional().describe('ISO-8601 duration between two forecasts of a series at least.'),
    enabled: z.boolean().optional().describe('Whether the policy works; true when absent.'),
  })
  .meta({
    examples: [
      {
        name: 'pumps, as they come',
        selector: { labels: { site: 'north' } },
        horizon: 24,
        every_points: 4,
        at_most_every: 'PT5M',
      },
    ],
  });
export type PolicyRequest = z.output<typeof policyRequest>;

/** Body of `PATCH /stream-policies/{policy_id}`. */
export const policyPatch = z
  .strictObject({ enabled: z.boolean().describe('False pauses the policy, true resumes it.') })
  .meta({ examples: [{ enabled: false }] });
export type PolicyPatch = z.output<typeof policyPatch>;

const policyView = z.object({
  policy_id: z.string(),
  name: z.string(),
  selector,
  horizon: z.int(),
  model: z.string(),
  every_points: z.int().nullable(),
  align: z.string().nullable(),
  at_most_every: z.string().nullable(),
  enabled: z.boolean(),
  created_at: z.string(),
});
export type PolicyView = z.output<typeof policyView>;

const policy: PolicyView = {
  policy_id: '0c2f5f1e-55d3-4b8e-9a57-3d1e2b6c7a10',
  name: 'pumps, as they come',
  selector: { labels: { site: 'north' } },
  horizon: 24,
  model: 'auto',
  every_points: 4,
  align: null,
  at_most_every: 'PT5M',
  enabled: true,
  created_at: '2026-01-08T12:10:00.000Z',
};

export const policyExample = policyView.meta({ examples: [policy] });
export const policyList = z.object({ policies: z.array(policyView) }).meta({ examples: [{ policies: [policy] }] });

/** What the service is asked for by a request. */
export function toPolicyInput(request: PolicyRequest): StreamPolicyInput {
  const { selector: asked, every_points, align, at_most_every, ...rest } = request;
  return {
    ...rest,
    ...(asked === undefined ? {} : { selector: toSelector(asked) }),
    ...(every_points === undefined ? {} : { everyPoints: every_points }),
    ...(align === undefined ? {} : { align }),
    ...(at_most_every === undefined ? {} : { atMostEvery: at_most_every }),
  };
}

function toSelector({ item_ids, labels }: NonNullable<PolicyRequest['selector']>): StreamPolicy['selector'] {
  return { ...(item_ids === undefined ? {} : { itemIds: item_ids }), ...(labels === undefined ? {} : { labels }) };
}

/** A policy as clients see it. */
export function viewPolicy({ selector: { itemIds, labels }, ...own }: StreamPolicy): PolicyView {
  return {
    policy_id: own.policyId,
    name: own.name,
    selector: { ...(itemIds ? { item_ids: [...itemIds] } : {}), ...(labels ? { labels: { ...labels } } : {}) },
    horizon: own.horizon,
    model: own.model,
    every_points: own.everyPoints,
    align: own.align,
    at_most_every: own.atMostEvery,
    enabled: own.enabled,
    created_at: own.createdAt.toISOString(),
  };
}
