import { StateReader, StateWriter, restored, type Stateful } from './state.js';

class Counter implements Stateful {
  constructor(public count = 0) {}
  save(to: StateWriter): void {
    to.number(this.count);
  }
  load(from: StateReader): void {
    this.count = from.number();
  }
}

function written(write: (to: StateWriter) => void, capacity?: number): StateReader {
  const to = new StateWriter(capacity);
  write(to);
  return new StateReader(to.finish());
}

describe('a state as bytes', () => {
  it.each([0, 3, undefined])('comes back as it was, whatever room it was given: %s', (capacity) => {
    const from = written((to) => {
      to.number(Number.NEGATIVE_INFINITY);
      to.text('Größe \u{1f600}');
      to.array(Uint16Array.of(1, 65_535));
      to.part(new Counter(7));
      to.part(undefined);
    }, capacity);
    const array = new Uint16Array(2);

    expect([from.number(), from.text()]).toEqual([Number.NEGATIVE_INFINITY, 'Größe \u{1f600}']);
    from.array(array);
    expect([...array]).toEqual([1, 65_535]);
    expect(from.part(() => new Counter())?.count).toBe(7);
    expect(from.part(() => new Counter())).toBeUndefined();
    from.finish();
  });

  it('passes over a part that nobody wants, or that is of another layout, and goes on behind it', () => {
    const twice: Stateful = {
      save: (to) => [1, 2].forEach((number) => to.number(number)),
      load: () => undefined,
    };
    const from = written((to) => {
      to.part(new Counter(7));
      to.part(twice);
      to.number(3);
    });

    expect(from.part(() => undefined)).toBeUndefined();
    expect(from.part(() => new Counter())).toBeUndefined();
    expect(from.number()).toBe(3);
  });

  it('says what is wrong with bytes that end early, are too many, or have no length', () => {
    expect(() => written((to) => to.array(Uint8Array.of(1))).number()).toThrow('the snapshot ends after 1 bytes');
    expect(() => written((to) => to.number(1)).finish()).toThrow('8 bytes more');
    for (const length of [Number.NaN, -1, 1e300]) {
      expect(() => written((to) => to.number(length)).text()).toThrow('the snapshot ends after 8 bytes');
    }
  });

  it('does not hide an error that is no matter of the snapshot', () => {
    const broken = { save: () => undefined, load: () => JSON.parse('{') as undefined };
    expect(() => restored(() => broken, new Uint8Array(0))).toThrow(SyntaxError);
  });
});
