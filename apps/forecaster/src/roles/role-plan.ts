import type { RoleKind, RoleOnSeries, StoredSkill } from '@app/persistence';

/** A model beside what is asked for on a series. */
export interface Rival {
  readonly model: string;
  readonly role: RoleKind;
  /** Name of the role that put it there. */
  readonly by: string;
}

/** Who forecasts a series beside what is asked for, and what of `auto` is served. */
export interface RolePlan {
  /** Each model once; the ones that were champions before are challengers now. */
  readonly rivals: readonly Rival[];
  /** The rival that `auto` serves. */
  readonly serves?: Rival;
  /** What the guard crowned holds, and is none of the rivals: one of the models that `auto` puts together, or all of them. */
  readonly guard?: NonNullable<StoredSkill['champion']>;
}

/**
 * Puts together what people set and what the guard decided: the newest decision holds. So the guard replaces a champion that
 * loses, and whoever sets a champion anew overrules the guard until it has seen it lose.
 *
 * @param roles on one series, those set last at the end.
 */
export function planRoles(roles: readonly RoleOnSeries[], guard?: StoredSkill['champion']): RolePlan {
  const set = roles.findLast(({ role }) => role === 'champion');
  const guarded = guard && (!set || guard.decidedAt > set.setAt) ? guard : undefined;
  const rivals = new Map<string, Rival>();
  for (const { role, model, name } of roles) {
    const held = rivals.get(model);
    // Said twice of one model, what lets it do more holds.
    if (held && rank(held.role) <= rank(role)) continue;
    rivals.set(model, { model, role, by: name });
  }
  const model = guarded ? guarded.champion : set?.model;
  const served = model === undefined ? undefined : rivals.get(model);
  // A shadow is never served, not even one that was crowned before it became one.
  const serves = served && served.role !== 'shadow' ? { ...served, role: 'champion' as const } : undefined;
  return {
    rivals: [...rivals.values()].map((rival) => {
      if (rival.model === serves?.model) return serves;
      return rival.role === 'champion' ? { ...rival, role: 'challenger' } : rival;
    }),
    ...(serves && { serves }),
    ...(guarded && !served && { guard: guarded }),
  };
}

function rank(role: RoleKind): number {
  return ['champion', 'challenger', 'shadow'].indexOf(role);
}
