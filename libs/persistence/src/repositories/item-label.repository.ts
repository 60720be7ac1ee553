import type { DataSource } from 'typeorm';

import { textArray } from '../pg-arrays.js';

/** Reads the labels of whole items. */
export class ItemLabelRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** By item, the labels of each of its stored series; items without any series are left out. */
  async of(itemIds: readonly string[]): Promise<Map<string, Record<string, string>[]>> {
    const rows = await this.dataSource.query<{ item_id: string; labels: Record<string, string>[] }[]>(
      `SELECT item_id, array_agg(labels) AS labels FROM series WHERE item_id = ANY ($1::text[]) GROUP BY item_id`,
      [textArray(itemIds)],
    );
    return new Map(rows.map(({ item_id, labels }) => [item_id, labels]));
  }
}
