import type { DataSource, EntityManager } from 'typeorm';

import { byteaArray, textArray } from '../pg-arrays.js';

/** Whose states: those of one consumer group in one partition. */
export interface StatePlace {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** What there is of an item: its last snapshot, and what it was shown since, oldest first. */
export interface StoredState {
  snapshot: Buffer | undefined;
  readonly inputs: string[];
}

/** Name of the snapshots of whole items; other names are parts of their own. */
export const ITEM_STATE = 'item';

const AT = `consumer_group = $1 AND topic = $2 AND partition = $3`;

/** Reads and writes the states of detectors. Writers take the transaction that moves the offset. */
export class DetectorStateRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The states of items, those that have any. */
  async load(place: StatePlace, itemIds: readonly string[]): Promise<Map<string, StoredState>> {
    const found = new Map<string, StoredState>();
    if (itemIds.length === 0) return found;
    const at = [...keyOf(place), textArray(itemIds)];
    const snapshots = await this.dataSource.query<{ item_id: string; snapshot: Buffer }[]>(
      `SELECT item_id, snapshot FROM detector_states
        WHERE ${AT} AND item_id = ANY ($4::text[]) AND detector = '${ITEM_STATE}'`,
      at,
    );
    for (const { item_id, snapshot } of snapshots) found.set(item_id, { snapshot, inputs: [] });
    const inputs = await this.dataSource.query<{ item_id: string; points: string }[]>(
      `SELECT item_id, points FROM detector_inputs
        WHERE ${AT} AND item_id = ANY ($4::text[]) ORDER BY item_id, "offset"`,
      at,
    );
    for (const { item_id, points } of inputs) {
      const state = found.get(item_id) ?? { snapshot: undefined, inputs: [] };
      state.inputs.push(points);
      found.set(item_id, state);
    }
    return found;
  }

  /** Adds what items were shown by the records from `offset` on. */
  async appendInputs(
    manager: EntityManager,
    place: StatePlace,
    offset: number,
    inputs: readonly (readonly [itemId: string, points: string])[],
  ): Promise<void> {
    if (inputs.length === 0) return;
    await manager.query(
      `INSERT INTO detector_inputs (item_id, consumer_group, topic, partition, "offset", points)
       SELECT item_id, $1, $2, $3, $4, points FROM unnest($5::text[], $6::text[]) AS i (item_id, points)`,
      [...keyOf(place), offset, textArray(inputs.map(([id]) => id)), textArray(inputs.map(([, points]) => points))],
    );
  }

  /** Replaces the snapshots of items; what they were shown before is in them, and goes. */
  async saveSnapshots(
    manager: EntityManager,
    place: StatePlace,
    snapshots: readonly (readonly [itemId: string, snapshot: Uint8Array])[],
  ): Promise<void> {
    if (snapshots.length === 0) return;
    const itemIds = textArray(snapshots.map(([id]) => id));
    await manager.query(`DELETE FROM detector_inputs WHERE ${AT} AND item_id = ANY ($4::text[])`, [
      ...keyOf(place),
      itemIds,
    ]);
    const bytes = snapshots.map(([, { buffer, byteOffset, length }]) => Buffer.from(buffer, byteOffset, length));
    await manager.query(
      `INSERT INTO detector_states (item_id, detector, consumer_group, topic, partition, snapshot)
       SELECT item_id, '${ITEM_STATE}', $1, $2, $3, snapshot
         FROM unnest($4::text[], $5::bytea[]) AS s (item_id, snapshot)
       ON CONFLICT ON CONSTRAINT pk_detector_states
       DO UPDATE SET snapshot = excluded.snapshot, updated_at = now()`,
      [...keyOf(place), itemIds, byteaArray(bytes)],
    );
  }

  /** Locks one state until the transaction ends, making it where it is missing; empty when it was. */
  async lock(manager: EntityManager, place: StatePlace, owner: string, detector: string): Promise<Buffer> {
    const key = [...keyOf(place), owner, detector];
    await manager.query(
      `INSERT INTO detector_states (consumer_group, topic, partition, item_id, detector, snapshot)
       VALUES ($1, $2, $3, $4, $5, '') ON CONFLICT DO NOTHING`,
      key,
    );
    const rows = await manager.query<{ snapshot: Buffer }[]>(
      `SELECT snapshot FROM detector_states WHERE ${AT} AND item_id = $4 AND detector = $5 FOR UPDATE`,
      key,
    );
    return rows[0]?.snapshot ?? Buffer.alloc(0);
  }

  /** Writes a state that `lock` has locked. */
  async save(
    manager: EntityManager,
    place: StatePlace,
    owner: string,
    detector: string,
    snapshot: Uint8Array,
  ): Promise<void> {
    await manager.query(
      `UPDATE detector_states SET snapshot = $6, updated_at = now()
        WHERE ${AT} AND item_id = $4 AND detector = $5`,
      [...keyOf(place), owner, detector, Buffer.from(snapshot)],
    );
  }
}

function keyOf({ group, topic, partition }: StatePlace): [string, string, number] {
  return [group, topic, partition];
}
