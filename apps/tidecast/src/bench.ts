import { messageOf } from '@app/observability';
import { Command, InvalidArgumentError } from 'commander';

import { benchIngest } from './bench/ingest.bench.js';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 is needed.');
}

const program = new Command('bench')
  .description('Measures the code that serves. The last line on stdout is one JSON object.')
  .showHelpAfterError('(--help explains the options)')
  .addHelpText(
    'after',
    '\nDATABASE_URL and KAFKA_BROKERS name the servers to use (a database and topics of its own are made and removed\nthere); without them temporary ones are started.',
  );

program
  .command('ingest')
  .description('Points per second from a full Kafka topic to committed rows, against inserting them by UNNEST alone.')
  .option('--records <n>', 'single-point records in the topic', wholeNumber, 400_000)
  .option('--series <n>', 'series that they belong to', wholeNumber, 1_000)
  .option('--rounds <n>', 'times that both are measured, in turn', wholeNumber, 3)
  .action(benchIngest);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
