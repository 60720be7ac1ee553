import type { ItemLabelRepository } from '@app/persistence';

import type { DetectionRule, DetectionRules } from './detection-rules.js';

/** Finds the rules of items, by their ids and, where any rule wants that, by the labels that their series have now. */
export class RuleLookup {
  constructor(
    private readonly rules: DetectionRules,
    private readonly labels: ItemLabelRepository,
  ) {}

  async of(itemIds: Iterable<string>): Promise<Map<string, DetectionRule>> {
    const ids = [...itemIds];
    const labels = this.rules.byLabels ? await this.labels.of(ids) : undefined;
    return new Map(ids.map((itemId) => [itemId, this.rules.of(itemId, labels?.get(itemId))]));
  }
}
