import { messageOf } from '@app/observability';
import { Command, InvalidArgumentError } from 'commander';

import { benchDetector } from './bench/detector.bench.js';
import { benchDetectors } from './bench/detectors.bench.js';
import { benchInference } from './bench/inference.bench.js';
import { benchIngest } from './bench/ingest.bench.js';
import { benchPrometheus } from './bench/prometheus.bench.js';
import { benchRest } from './bench/rest.bench.js';

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
  .command('detector')
  .description('Scores per second of one core, from a full topic to committed rows, against the library alone.')
  .option('--records <n>', 'single-point records in the topic', wholeNumber, 200_000)
  .option('--series <n>', 'series that they belong to', wholeNumber, 1_000)
  .option('--rounds <n>', 'times that both are measured, in turn', wholeNumber, 3)
  .action(benchDetector);

program
  .command('detectors')
  .description('Points per second of one core and memory a series, side by side with the Java random cut forest.')
  .option('--points <n>', 'values shown to each detector a round', wholeNumber, 100_000)
  .option('--rounds <n>', 'times that all are measured, in turn', wholeNumber, 3)
  .option('--fetch-peer', 'get the Java random cut forest from Maven Central by mvn where it is not there yet')
  .action(benchDetectors);

program
  .command('inference')
  .description(
    'The engine against ONNX Runtime in a bare loop on the same cores; a scheduled batch, hot swaps, memory.',
  )
  .option('--model <name>', 'package in models/', 'ttm/base')
  .option('--rounds <n>', 'times that all are measured, in turn', wholeNumber, 5)
  .option('--seconds <n>', 'of each measurement', wholeNumber, 4)
  .option('--callers <n>', 'who ask at the same time', wholeNumber, 64)
  .option('--series <n>', 'series of the scheduled batch', wholeNumber, 10_000)
  .option('--cycles <n>', 'times that the model is loaded and unloaded', wholeNumber, 200)
  .option('--minutes <n>', 'of load over which memory is looked at', wholeNumber, 1)
  .action(benchInference);

program
  .command('rest')
  .description('Forecasts and reads over HTTP, where the time goes, and Python onnxruntime behind FastAPI beside it.')
  .option('--model <name>', 'package in models/', 'ttm/base')
  .option('--rounds <n>', 'times that all are measured, in turn', wholeNumber, 3)
  .option('--seconds <n>', 'of each measurement', wholeNumber, 10)
  .option('--series <n>', 'stored series', wholeNumber, 1_000)
  .option('--rate <n>', 'requests a second', wholeNumber, 50)
  .option('--connections <n>', 'of those who ask as fast as they can', wholeNumber, 16)
  .option('--make-peer', 'make the environment of the Python server where it is not there yet, by pip')
  .action(benchRest);

program
  .command('prometheus')
  .description('query_range of the Prometheus API over ten of the stored series, as a dashboard asks it.')
  .option('--points <n>', 'stored points, one every five minutes', wholeNumber, 1_000_000)
  .option('--series <n>', 'series that they belong to', wholeNumber, 100)
  .option('--days <n>', 'that are asked for', wholeNumber, 30)
  .option('--step <duration>', 'of the query, as Prometheus writes durations', '1h')
  .option('--rounds <n>', 'times that each query is asked', wholeNumber, 20)
  .action(benchPrometheus);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
