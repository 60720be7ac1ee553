import { z } from 'zod';

const partitionView = z.object({
  partition: z.int(),
  next_offset: z.int().describe('First record that the group has not taken in yet.'),
  end_offset: z.int().describe('Offset after the newest record.'),
  lag: z.int().describe('Records between them.'),
  moved_at: z.string().nullable().describe('When the group last took something in; null before it ever did.'),
});

const streamView = z.object({
  group: z.string(),
  topic: z.string(),
  lag: z.int().describe('Of all partitions together.'),
  partitions: z.array(partitionView),
});
export type StreamView = z.output<typeof streamView>;

/** How the streams are. */
export const streamHealth = z
  .object({
    log: z.enum(['kafka', 'postgres']).describe('Where the observation log lives.'),
    streams: z.array(streamView).describe('What each consumer group reads.'),
    dead_letters: z.object({
      count: z.int().describe('Records that could not be used, counted up to 10,000.'),
      newest_at: z.string().nullable(),
    }),
    outbox: z.object({
      waiting: z.int().describe('Records on their way out, counted up to 10,000.'),
      oldest_at: z.string().nullable(),
    }),
  })
  .meta({
    examples: [
      {
        log: 'kafka',
        streams: [
          {
            group: 'tidecast-ingest',
            topic: 'tidecast.observations',
            lag: 3,
            partitions: [
              { partition: 0, next_offset: 997, end_offset: 1000, lag: 3, moved_at: '2026-01-08T12:00:00.412Z' },
            ],
          },
        ],
        dead_letters: { count: 2, newest_at: '2026-01-08T11:00:00.000Z' },
        outbox: { waiting: 0, oldest_at: null },
      },
    ],
  });
export type StreamHealth = z.output<typeof streamHealth>;
