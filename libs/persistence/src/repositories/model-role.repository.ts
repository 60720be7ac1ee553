import type { DataSource, EntityManager } from 'typeorm';

import type { SeriesSelector } from '../entities/job.entity.js';
import { int4Array } from '../pg-arrays.js';

/** A champion is served, a challenger may come to be, a shadow never is; all forecast on the same windows. */
export const MODEL_ROLES = ['champion', 'challenger', 'shadow'] as const;
export type RoleKind = (typeof MODEL_ROLES)[number];

/** Which series: whatever is absent does not narrow. */
export interface RoleSelector extends SeriesSelector {
  /** Items by name; `*` stands for any text. */
  readonly itemPattern?: string;
}

/** What a model is to be on some series. */
export interface NewModelRole {
  readonly role: RoleKind;
  readonly model: string;
  readonly selector: RoleSelector;
  readonly reason: string | null;
}

/** A role that holds. */
export interface ModelRole extends NewModelRole {
  readonly name: string;
  readonly version: number;
  readonly setAt: Date;
}

/** One line of the history of a role; without `role` it was removed. */
export interface RoleChange {
  readonly version: number;
  readonly at: Date;
  readonly role: RoleKind | null;
  readonly model: string | null;
  readonly selector: RoleSelector | null;
  readonly reason: string | null;
}

/** A role on a series that it selects. */
export interface RoleOnSeries {
  readonly seriesId: number;
  readonly name: string;
  readonly role: RoleKind;
  readonly model: string;
  readonly setAt: Date;
}

const holding = (until = 'true') => `
  SELECT * FROM (SELECT DISTINCT ON (name) name, version, at AS "setAt", role, model, selector, reason
                   FROM model_roles WHERE ${until} ORDER BY name, version DESC) AS newest
   WHERE role IS NOT NULL`;

/** Roles of models by selector. Rows are added, never changed: the table is its own audit. */
export class ModelRoleRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Sets a role, in the place of what went by its name. */
  async set(name: string, role: NewModelRole, at: Date): Promise<ModelRole> {
    const row = [role.role, role.model, JSON.stringify(role.selector), role.reason];
    const version = await this.#add(name, row, at);
    return { ...role, name, version, setAt: at };
  }

  /** Removes a role. @returns false where none of that name holds. */
  async remove(name: string, reason: string | null, at: Date): Promise<boolean> {
    if (!(await this.find(name))) return false;
    await this.#add(name, [null, null, null, reason], at);
    return true;
  }

  /** In the order of their names. */
  findAll(): Promise<ModelRole[]> {
    return this.dataSource.query(`${holding()} ORDER BY name`);
  }

  async find(name: string): Promise<ModelRole | undefined> {
    const [role] = await this.dataSource.query<ModelRole[]>(holding('name = $1'), [name]);
    return role;
  }

  /** Every change of a role, newest first. */
  history(name: string, limit: number): Promise<RoleChange[]> {
    return this.dataSource.query(
      `SELECT version, at, role, model, selector, reason FROM model_roles WHERE name = $1 ORDER BY version DESC LIMIT $2`,
      [name, limit],
    );
  }

  /** The roles that select each of these series, those set last at the end; with `asOf`, as they were then. */
  async match(
    seriesIds: readonly number[],
    asOf?: Date,
    manager: EntityManager = this.dataSource.manager,
  ): Promise<RoleOnSeries[]> {
    if (seriesIds.length === 0) return [];
    return manager.query(
      `SELECT s.series_id AS "seriesId", r.name, r.role, r.model, r."setAt"
         FROM (${holding('$2::timestamptz IS NULL OR at <= $2')}) AS r
         JOIN series s ON s.series_id = ANY ($1::int[])
              AND s.labels @> coalesce(r.selector -> 'labels', '{}')
              AND (r.selector -> 'itemIds' IS NULL OR r.selector -> 'itemIds' ? s.item_id)
              AND (r.selector -> 'itemPattern' IS NULL OR s.item_id LIKE
                   replace(regexp_replace(r.selector ->> 'itemPattern', '([\\\\%_])', '\\\\\\1', 'g'), '*', '%'))
        ORDER BY s.series_id, r."setAt", r.name`,
      [int4Array(seriesIds), asOf ?? null],
    );
  }

  /** @returns the version of the new row. */
  async #add(name: string, [role, model, selector, reason]: readonly (string | null)[], at: Date): Promise<number> {
    return this.dataSource.transaction(async (manager) => {
      // Two who set one name at the same time follow each other.
      await manager.query(`SELECT pg_advisory_xact_lock(hashtext('tidecast:model-role'), hashtext($1))`, [name]);
      const [row] = await manager.query<{ version: number }[]>(
        `INSERT INTO model_roles (name, version, at, role, model, selector, reason)
         SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6 FROM model_roles WHERE name = $1
         RETURNING version`,
        [name, at, role, model, selector, reason],
      );
      return row!.version;
    });
  }
}
