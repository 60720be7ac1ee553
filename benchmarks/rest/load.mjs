// Load generator of `npm run bench -- rest`, a child process so that it does not share the thread of what it measures.
// Reads from stdin: JSON of { url, requests: [{ method, path, body? }], seconds, perSecond | connections }. With `perSecond`
// requests leave at fixed times whatever is answered, and latency counts from the time at which each should have left;
// with `connections` each connection asks again as soon as it is answered. Prints { latencies, failures, perSecond }.
import { Agent, request } from 'node:http';
import { text as read } from 'node:stream/consumers';

const { url, requests, seconds, perSecond, connections = 256 } = JSON.parse(await read(process.stdin));
const { hostname, port } = new URL(url);
if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) throw new Error(`${url} is not on this machine`);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const latencies = [];
const failures = {};

function ask({ method, path, body }) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
      response.once('error', reject);
    });
    sent.once('error', reject);
    sent.end(text);
  });
}

async function one(i, due) {
  const status = await ask(requests[i % requests.length]).catch((error) => error.code ?? String(error));
  if (status === 200) latencies.push(performance.now() - due);
  else failures[status] = (failures[status] ?? 0) + 1;
}

const start = performance.now();
const end = start + 1000 * seconds;
let next = 0;
if (perSecond) {
  const pending = [];
  while (performance.now() < end) {
    for (let due = start + (1000 * next) / perSecond; due <= performance.now() && due < end;) {
      pending.push(one(next++, due));
      due = start + (1000 * next) / perSecond;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
} else {
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < end) await one(next++, performance.now());
    }),
  );
}
const elapsed = (performance.now() - start) / 1000;
process.stdout.write(JSON.stringify({ latencies, failures, perSecond: latencies.length / elapsed }));
