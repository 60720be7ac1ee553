/** What a key may be for. `admin` includes the others. */
export const SCOPES = ['ingest', 'read', 'label', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What an operation may need: a scope of keys, or `internal`, which the roles of one installation have for each other. */
export type RequiredScope = Scope | 'internal';
