import { messageOf } from '@app/observability';
import { Command, InvalidArgumentError } from 'commander';

import { benchDetectors } from './bench/detectors.bench.js';
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

program
  .command('detectors')
  .description('Points per second of one core and memory a series, side by side with the Java random cut forest.')
  .option('--points <n>', 'values shown to each detector a round', wholeNumber, 100_000)
  .option('--rounds <n>', 'times that all are measured, in turn', wholeNumber, 3)
  .option('--fetch-peer', 'get the Java random cut forest from Maven Central by mvn where it is not there yet')
  .action(benchDetectors);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
