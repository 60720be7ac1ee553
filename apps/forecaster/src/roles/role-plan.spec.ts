import type { RoleKind, RoleOnSeries } from '@app/persistence';

import { planRoles } from './role-plan.js';

const at = (minute: number) => new Date(60_000 * minute);
const role = (kind: RoleKind, model: string, minute: number, name = `${kind} ${minute}`): RoleOnSeries => ({
  seriesId: 1,
  name,
  role: kind,
  model,
  setAt: at(minute),
});
const crown = (champion: string, minute: number) => ({ version: 1, champion, reason: 'better', decidedAt: at(minute) });

describe('planRoles', () => {
  it('leaves all to auto and the guard where nobody has a role', () => {
    expect(planRoles([])).toEqual({ rivals: [] });
    const guard = crown('seasonal-naive', 1);
    expect(planRoles([], guard)).toEqual({ rivals: [], guard });
  });

  it('serves the champion that was set last; those before it are challengers now', () => {
    const { rivals, serves } = planRoles([role('champion', 'a', 1), role('champion', 'b', 2), role('shadow', 'c', 3)]);
    expect(serves).toEqual({ model: 'b', role: 'champion', by: 'champion 2' });
    expect(rivals.map(({ model, role: kind }) => `${model} ${kind}`)).toEqual([
      'a challenger',
      'b champion',
      'c shadow',
    ]);
  });

  it('lets the newest decision hold, that of the guard or that of a person', () => {
    const roles = [role('champion', 'a', 5), role('challenger', 'b', 1)];
    expect(planRoles(roles, crown('b', 4)).serves?.model).toBe('a');
    expect(planRoles(roles, crown('b', 6)).serves?.model).toBe('b');
    const naive = crown('seasonal-naive', 6);
    expect(planRoles(roles, naive)).toMatchObject({ guard: naive, rivals: [{ role: 'challenger' }, {}] });
    expect(planRoles(roles, naive)).not.toHaveProperty('serves');
  });

  it('never serves a shadow, not even one that was crowned before it became one', () => {
    const plan = planRoles([role('shadow', 'a', 2)], crown('a', 1));
    expect(plan).toEqual({ rivals: [{ model: 'a', role: 'shadow', by: 'shadow 2' }] });
  });

  it('takes each model once, in the role that lets it do most', () => {
    const { rivals } = planRoles([role('shadow', 'a', 1), role('challenger', 'a', 2), role('shadow', 'a', 3)]);
    expect(rivals).toEqual([{ model: 'a', role: 'challenger', by: 'challenger 2' }]);
  });
});
