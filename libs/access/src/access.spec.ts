import { Access } from './access.js';
import type { RequiredScope } from './scope.js';

const access = (scopes: RequiredScope[], prefixes: string[] | null = null) =>
  new Access({ kind: 'key', keyId: '0011223344556677', name: 'plant', address: '10.0.0.7' }, new Set(scopes), prefixes);

describe('Access', () => {
  it('holds the scopes that it was given, and all of them as admin', () => {
    expect(access(['read']).allows('read')).toBe(true);
    expect(access(['read']).allows('ingest')).toBe(false);
    expect(access(['admin']).allows('label')).toBe(true);
    expect(() => access(['read', 'label']).requireScope('admin')).toThrow(
      '"plant" has not the scope admin, only read, label',
    );
  });

  it('is internal only when it says so', () => {
    expect(access(['admin']).allows('internal')).toBe(false);
    expect(access(['internal']).allows('admin')).toBe(false);
  });

  it('touches all items without prefixes, and those that begin with one of them otherwise', () => {
    expect(access(['read']).mayTouch('anything')).toBe(true);

    const some = access(['read'], ['pump-', 'fan']);
    expect(['pump-7', 'fan', 'fan%'].every((id) => some.mayTouch(id))).toBe(true);
    expect(['pump', 'Pump-7', ' pump-7', '', '%'].some((id) => some.mayTouch(id))).toBe(false);
    expect(() => some.requireItems('pump-1', 'valve-1', 'valve-2')).toThrow(
      'begin with "pump-" or "fan", not for "valve-1"',
    );
  });

  it('refuses a selector that takes in more', () => {
    const some = access(['admin'], ['pump-']);

    expect(some.mayTouchSelected(['pump-1', 'pump-2'])).toBe(true);
    expect(some.mayTouchSelected(['pump-1', 'valve-1'])).toBe(false);
    expect(some.mayTouchSelected(undefined)).toBe(false);
    expect(access(['admin']).mayTouchSelected(undefined)).toBe(true);
    expect(() => some.requireSelected(undefined)).toThrow(/items that begin with "pump-"/);
    expect(() => some.requireAllItems('keys')).toThrow(/not for keys; use one without item prefixes/);
  });
});
