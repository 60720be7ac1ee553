import { silentLogger } from '@app/observability';
import type { Kafka } from 'kafkajs';

import { KafkaAppender } from './kafka-appender.js';

interface Sent {
  readonly producer: number;
  readonly topic: string;
  readonly values: string[];
}

/** A broker that notes what it gets; `fail` makes the next request fail, `hold` keeps requests waiting. */
function fakeKafka() {
  const sent: Sent[] = [];
  const state = { producers: 0, disconnected: 0, failures: 0, gate: Promise.resolve() };
  const kafka = {
    producer: () => {
      const producer = ++state.producers;
      return {
        connect: () => Promise.resolve(),
        disconnect: () => Promise.resolve(void state.disconnected++),
        send: async ({ topic, messages }: { topic: string; messages: { value: Buffer }[] }) => {
          await state.gate;
          if (state.failures > 0) {
            state.failures--;
            throw new Error('the answer was lost');
          }
          sent.push({ producer, topic, values: messages.map(({ value }) => value.toString()) });
        },
      };
    },
  };
  return { sent, state, appender: new KafkaAppender(kafka as unknown as Kafka, silentLogger()) };
}

const record = (value: string | Buffer) => ({ key: 'k', value: Buffer.from(value) });

describe('KafkaAppender', () => {
  it('sends what comes during a request together in the next one, in order', async () => {
    const { sent, appender } = fakeKafka();
    await Promise.all([
      appender.append('a', [record('1')]),
      appender.append('a', [record('2'), record('3')]),
      appender.append('b', [record('4')]),
    ]);
    expect(sent).toEqual([
      { producer: 1, topic: 'a', values: ['1', '2', '3'] },
      { producer: 1, topic: 'b', values: ['4'] },
    ]);
  });

  it('never uses a producer again after a failure: its sequence numbers would make the broker drop records', async () => {
    const { sent, state, appender } = fakeKafka();
    state.failures = 1;
    await expect(appender.append('a', [record('lost')])).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await appender.append('a', [record('next')]);
    expect(state).toMatchObject({ producers: 2, disconnected: 1 });
    expect(sent).toEqual([{ producer: 2, topic: 'a', values: ['next'] }]);
  });

  it('splits what is larger than a broker takes in one request', async () => {
    const { sent, appender } = fakeKafka();
    await appender.append('a', [record(Buffer.alloc(500_000)), record(Buffer.alloc(500_000)), record('end')]);
    expect(sent.map(({ values }) => values.length)).toEqual([1, 2]);
  });

  it('refuses more than its queue holds, and takes records again when it is empty', async () => {
    const { state, appender } = fakeKafka();
    const open = defer();
    state.gate = open.promise;
    const full = appender.append(
      'a',
      Array.from({ length: 100_000 }, () => record('x')),
    );
    await expect(appender.append('a', [record('y')])).rejects.toMatchObject({ code: 'OVERLOADED' });
    open.resolve();
    await full;
    await appender.append('a', [record('z')]);
  });

  it('finishes what is under way before it closes', async () => {
    const { sent, appender } = fakeKafka();
    const appended = appender.append('a', [record('1')]);
    await appender.close();
    await appended;
    expect(sent).toHaveLength(1);
  });
});

function defer(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
