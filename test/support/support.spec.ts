import { describeWithKafka, createTopic, kafkaClient, readTopic } from './kafka.js';
import { useDatabase } from './database.js';

describe('useDatabase', () => {
  const database = useDatabase();

  it('gives a migrated database', async () => {
    await expect(database().dataSource.query('SELECT count(*)::int AS n FROM series')).resolves.toEqual([{ n: 0 }]);
  });
});

describeWithKafka('createTopic and readTopic', () => {
  it('hand back what was produced, in order', async () => {
    const topic = await createTopic(1);
    const producer = kafkaClient().producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'a', value: '1', headers: { id: 'x' } }, { value: '2' }] });
    await producer.disconnect();

    const records = await readTopic(topic);

    expect(records.map(({ key, value }) => [key, value])).toEqual([
      ['a', '1'],
      [null, '2'],
    ]);
    expect(records[0]?.headers).toEqual({ id: 'x' });
  });
});
