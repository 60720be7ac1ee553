import type { PointWriter } from './codec.js';
import { fitting } from './series-name.js';
import { Template, type Lookup } from './template.js';

/** How a format names items and channels. */
export class Naming {
  readonly #item: Template;
  readonly #channel: Template;

  /** @param prefix of the settings' names, for messages: `LINE_PROTOCOL` */
  constructor(
    readonly prefix: string,
    item: string,
    channel: string,
  ) {
    this.#item = new Template(item);
    this.#channel = new Template(channel);
  }

  /** The item id, or undefined after reporting why there is none. */
  item(writer: PointWriter, lookup: Lookup): string | undefined {
    const name = this.#item.fill(lookup);
    if (typeof name === 'string') return writer.itemId(fitting(name), `${this.prefix}_ITEM`);
    writer.fail('ITEM_ID_INVALID', this.#lacking('ITEM', name.missing));
    return undefined;
  }

  /** The channel, or undefined after reporting why there is none. */
  channel(writer: PointWriter, lookup: Lookup): string | undefined {
    const name = this.#channel.fill(lookup);
    if (typeof name === 'string') return fitting(name);
    writer.fail('CHANNEL_INVALID', this.#lacking('CHANNEL', name.missing));
    return undefined;
  }

  #lacking(part: 'ITEM' | 'CHANNEL', missing: string): string {
    return `the record has no "${missing}", which ${this.prefix}_${part} asks for; send it, or change the setting`;
  }
}
