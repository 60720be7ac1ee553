import { PlatformError } from '@app/observability';
import type { SeriesSelector } from '@app/persistence';

/** A schedule as someone asks for it. */
export interface JobInput {
  /** Unique; made from the model and the schedule when absent. */
  readonly name?: string;
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** IANA zone of the schedule; UTC when absent. */
  readonly timeZone?: string;
  /** Which series; all when absent. */
  readonly selector?: SeriesSelector;
  readonly horizon: number;
  /** `auto` when absent. Whether the name is known shows in the first run: schedules need no models. */
  readonly model?: string;
  readonly enabled?: boolean;
}

const MAX_ITEMS = 10_000;
const MAX_NAME_LENGTH = 200;

/** @throws PlatformError INVALID_REQUEST naming the field. */
export function checkName(name: string): void {
  if (name.trim() !== '' && name.length <= MAX_NAME_LENGTH) return;
  throw new PlatformError('INVALID_REQUEST', `name is empty or longer than ${MAX_NAME_LENGTH} characters`);
}

/** @throws PlatformError INVALID_REQUEST naming the field. */
export function checkSelector({ itemIds }: SeriesSelector): void {
  if (itemIds === undefined) return;
  if (itemIds.length === 0) {
    throw new PlatformError('INVALID_REQUEST', 'selector.item_ids is empty; leave it out to select every item');
  }
  if (itemIds.length > MAX_ITEMS) {
    const message = `selector.item_ids names ${itemIds.length} items, ${MAX_ITEMS} are allowed; select by labels`;
    throw new PlatformError('INVALID_REQUEST', message);
  }
}
