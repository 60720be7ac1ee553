import { MODEL_ROLES, type ModelRole, type NewModelRole, type RoleChange, type RoleSelector } from '@app/persistence';
import { z } from 'zod';
import { limit } from '../request-values.js';

const MOST_ITEMS = 10_000;

const selector = z.strictObject({
  item_ids: z
    .array(z.string().min(1))
    .min(1, 'is empty; leave it out to select every item')
    .max(MOST_ITEMS, `names more than ${MOST_ITEMS} items; select by labels or item_pattern`)
    .optional()
    .describe('Series of these items.'),
  item_pattern: z.string().min(1).max(512).optional().describe('Series of items with such a name; `*` is any text.'),
  labels: z.record(z.string(), z.string()).optional().describe('Series that carry all these labels.'),
});

const reason = z.string().min(1).max(1_000).optional().describe('Why; kept in the history.');

/** Name of a role in a path. */
export const roleName = z
  .string()
  .regex(/^[\w.-]{1,100}$/, 'is no name of a role; use 1 to 100 letters, digits, ".", "_" and "-"');

/** Body of `PUT /models/roles/{role_name}`. */
export const roleRequest = z
  .strictObject({
    role: z
      .enum(MODEL_ROLES)
      .describe(
        'champion: `auto` serves it; challenger: it is scored on the same windows and takes over when it is clearly better; shadow: it is scored and never served.',
      ),
    model: z.string().min(1).describe('A name that GET /models lists.'),
    selector: selector.optional().describe('Which series; all when absent.'),
    reason,
  })
  .meta({
    examples: [
      {
        role: 'shadow',
        model: 'ttm/next',
        selector: { labels: { site: 'north' }, item_pattern: 'pump-*' },
        reason: 'retrained on 2026',
      },
    ],
  });
export type RoleRequest = z.output<typeof roleRequest>;

/** Query of `DELETE /models/roles/{role_name}`. */
export const roleRemoval = z.object({ reason });
export type RoleRemoval = z.output<typeof roleRemoval>;

const roleView = z.object({
  name: z.string(),
  role: z.enum(MODEL_ROLES),
  model: z.string(),
  selector,
  reason: z.string().nullable(),
  version: z.int().describe('Counts the changes of what goes by this name.'),
  set_at: z.string(),
});
export type RoleView = z.output<typeof roleView>;

const role: RoleView = {
  name: 'next-in-the-north',
  role: 'shadow',
  model: 'ttm/next',
  selector: { labels: { site: 'north' } },
  reason: 'retrained on 2026',
  version: 1,
  set_at: '2026-01-08T12:10:00.000Z',
};
export const roleExample = roleView.meta({ examples: [role] });
export const roleList = z.object({ roles: z.array(roleView) }).meta({ examples: [{ roles: [role] }] });

const change = z.object({
  version: z.int(),
  at: z.string(),
  role: z.enum(MODEL_ROLES).nullable().describe('Null where the role was removed.'),
  model: z.string().nullable(),
  selector: selector.nullable(),
  reason: z.string().nullable(),
});

/** Every change of a role, newest first. */
export const roleHistory = z.object({ changes: z.array(change) }).meta({
  examples: [
    {
      changes: [
        { version: 2, at: '2026-02-01T00:00:00.000Z', role: null, model: null, selector: null, reason: 'lost' },
        {
          version: 1,
          at: role.set_at,
          role: role.role,
          model: role.model,
          selector: role.selector,
          reason: role.reason,
        },
      ],
    },
  ],
});
export type RoleHistory = z.output<typeof roleHistory>;

export const roleHistoryQuery = z.object({ limit: limit(50, 500) });
export type RoleHistoryQuery = z.output<typeof roleHistoryQuery>;

/** What is stored for a request. */
export function toRole({ role, model, selector: asked = {}, reason }: RoleRequest): NewModelRole {
  const { item_ids, item_pattern, labels } = asked;
  return {
    role,
    model,
    selector: {
      ...(item_ids && { itemIds: item_ids }),
      ...(item_pattern !== undefined && { itemPattern: item_pattern }),
      ...(labels && { labels }),
    },
    reason: reason ?? null,
  };
}

/** A role as clients see it. */
export function viewRole({ name, role: kind, model, selector: own, reason, version, setAt }: ModelRole): RoleView {
  return { name, role: kind, model, selector: viewSelector(own), reason, version, set_at: setAt.toISOString() };
}

/** A change of a role as clients see it. */
export function viewChange({ version, at, role: kind, model, selector: own, reason }: RoleChange) {
  return { version, at: at.toISOString(), role: kind, model, selector: own && viewSelector(own), reason };
}

function viewSelector({ itemIds, itemPattern, labels }: RoleSelector): RoleView['selector'] {
  return {
    ...(itemIds && { item_ids: [...itemIds] }),
    ...(itemPattern !== undefined && { item_pattern: itemPattern }),
    ...(labels && { labels: { ...labels } }),
  };
}
