/**
 * Maps items with at most `limit` of them on their way. After the first failure, with which it rejects, nothing new is
 * begun.
 *
 * @returns results in the order of the items.
 */
export async function mapInFlight<Item, Result>(
  items: readonly Item[],
  limit: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const next = items.entries();
  let failed = false;
  const work = async () => {
    for (const [i, item] of next) {
      if (failed) return;
      try {
        results[i] = await map(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
  return results;
}
