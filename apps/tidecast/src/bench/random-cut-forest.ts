import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { messageOf } from '@app/observability';

import { repositoryRoot } from '../repository-root.js';

const VERSION = '4.2.0';
const ARTIFACT = `software.amazon.randomcutforest:randomcutforest-core:${VERSION}`;
const JAVA_AT_LEAST = 17;
const exec = promisify(execFile);

/** Amazon's random cut forest (Apache-2.0), or the reason why it can't be run. */
export type Peer = { readonly jar: string } | { readonly missing: string };

/** The jar from the cache; from Maven Central by Maven only where `fetch` says so. */
export async function findPeer(fetch: boolean): Promise<Peer> {
  const java = await javaVersion();
  if (java === undefined) return { missing: `java is not on the PATH: install Java ${JAVA_AT_LEAST} or newer` };
  if (java < JAVA_AT_LEAST) return { missing: `java is version ${java}: install Java ${JAVA_AT_LEAST} or newer` };
  const folder = join(repositoryRoot(), 'node_modules', '.cache', 'random-cut-forest');
  const jar = join(folder, `randomcutforest-core-${VERSION}.jar`);
  if (existsSync(jar)) return { jar };
  if (!fetch) return { missing: `${ARTIFACT} is not in node_modules/.cache: --fetch-peer gets it by Maven` };

  process.stderr.write(`fetching ${ARTIFACT} (mvn) …\n`);
  mkdirSync(folder, { recursive: true });
  try {
    await exec('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${folder}`]);
  } catch (error) {
    return { missing: `mvn could not fetch ${ARTIFACT}: ${messageOf(error).split('\n')[0]}` };
  }
  return existsSync(jar) ? { jar } : { missing: `mvn left no ${jar}` };
}

/** Values per second of processor time of 30 trees over shingles of 8 on one core, warm. */
export async function runPeer(jar: string, values: Float64Array): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-bench-'));
  try {
    const file = join(folder, 'values');
    writeFileSync(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const source = join(repositoryRoot(), 'benchmarks', 'random-cut-forest', 'RandomCutForestPeer.java');
    const { stdout } = await exec('java', ['-XX:ActiveProcessorCount=1', '-cp', jar, source, file]);
    return Number(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function javaVersion(): Promise<number | undefined> {
  const answer = await exec('java', ['-version']).catch(() => undefined);
  const version = /version "(\d+)/.exec(answer?.stderr ?? '')?.[1];
  return version === undefined ? undefined : Number(version);
}
