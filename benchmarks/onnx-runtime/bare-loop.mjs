// The bar of `npm run bench -- inference`: ONNX Runtime in a bare loop, with the options that it has by default. A child
// process; arguments: model file, golden.json, threads. Answers each message { rows, seconds } with { rowsPerSecond, p50Ms }.
import { readFileSync } from 'node:fs';

process.env.ORT_DISABLE_TELEMETRY = '1';
const { InferenceSession, Tensor } = await import('onnxruntime-node');

const [file, golden, threads] = process.argv.slice(2);
const { inputs } = JSON.parse(readFileSync(golden, 'utf8')).cases[0];
const session = await InferenceSession.create(file, { intraOpNumThreads: Number(threads), logSeverityLevel: 3 });

/** The first row of a golden input, repeated. */
function tensor({ dtype, dims, data }, rows) {
  const size = data.length / dims[0];
  const row = data.slice(0, size);
  const whole = Array.from({ length: rows }, () => row).flat();
  const values = dtype === 'int64' ? BigInt64Array.from(whole, BigInt) : Float32Array.from(whole);
  return new Tensor(dtype, values, [rows, ...dims.slice(1)]);
}

async function loop({ rows, seconds }) {
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, tensor(one, rows)]));
  for (let i = 0; i < 3; i++) await session.run(feeds);
  const times = [];
  const start = performance.now();
  for (let now = start; now - start < 1000 * seconds;) {
    await session.run(feeds);
    times.push(performance.now() - now);
    now = performance.now();
  }
  const elapsed = (performance.now() - start) / 1000;
  return { rowsPerSecond: (rows * times.length) / elapsed, p50Ms: times.sort((a, b) => a - b)[times.length >> 1] };
}

process.on('message', (message) => void loop(message).then((result) => process.send(result)));
process.send('ready');
