import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { whyNoDevice } from './devices.js';

/** One thing that CUDA needs, whether it is there, and otherwise what to do. */
export interface GpuStep {
  readonly what: string;
  /** What was found; undefined when it lacks. */
  readonly found?: string;
  readonly remedy: string;
}

/** What is looked at. */
export interface GpuView {
  /** Why there is no device, or undefined. */
  readonly noDevice?: string;
  /** What the driver says of itself. */
  readonly driver?: string;
  /** Folder of ONNX Runtime's addon. */
  readonly addon: string;
  exists(path: string): boolean;
  /** Shared libraries that the loader finds by name, in the folders told and its own. */
  finds(library: string): string | undefined;
  /** Libraries that a file asks for by name, of those that match. */
  wanted(file: string, pattern: RegExp): string[];
}

const PROVIDER = 'libonnxruntime_providers_cuda.so';
const SHARED = 'libonnxruntime_providers_shared.so';
/** What the provider of onnxruntime-gpu 1.30.0 links to; read from the file itself where it is there. */
const USUAL = ['libcublasLt.so.13', 'libcublas.so.13', 'libcudart.so.13', 'libcurand.so.10'];
/** Loaded when first needed, so that no link names them. */
const LAZY = ['libcudnn.so.9'];

/** What CUDA needs on this machine, in the order in which it is needed. */
export function checkGpu(view: GpuView = machine(process.env.CUDA_LIBRARY_PATH)): GpuStep[] {
  const provider = join(view.addon, PROVIDER);
  const own = view.exists(provider) ? view.wanted(provider, /lib(?:cublasLt|cublas|cudart|curand)\.so\.\d+/g) : [];
  const needed = own.length > 0 ? own : USUAL;
  const wheel = `pip download --no-deps onnxruntime-gpu==1.30.0, unzip it, and copy onnxruntime/capi/${PROVIDER} and ${SHARED} to ${view.addon}`;
  return [
    step(
      'an NVIDIA card',
      view.noDevice === undefined ? 'there is one' : undefined,
      `${view.noDevice}: a container needs --gpus all and the NVIDIA container toolkit`,
    ),
    step(
      'the NVIDIA driver',
      view.driver ?? view.finds('libcuda.so.1'),
      'install the driver of the card (it brings libcuda.so.1)',
    ),
    step('libcuda.so.1', view.finds('libcuda.so.1'), 'install the driver; in a container pass it in with --gpus all'),
    ...[PROVIDER, SHARED].map((file) =>
      step(`ONNX Runtime's ${file}`, view.exists(join(view.addon, file)) ? join(view.addon, file) : undefined, wheel),
    ),
    ...[...needed, ...LAZY].map((library) => step(library, view.finds(library), remedyFor(library))),
  ];
}

function step(what: string, found: string | undefined, remedy: string): GpuStep {
  return found === undefined ? { what, remedy } : { what, found, remedy };
}

function remedyFor(library: string): string {
  const major = /cublas|cudart/.test(library) ? `of CUDA ${library.split('.').at(-1)}` : 'that goes with it';
  return `install the CUDA libraries ${major} (Debian's cuda-libraries, or pip's nvidia-* wheels), and name their folders in CUDA_LIBRARY_PATH where the loader does not find them`;
}

/** This machine. @param folders separated by colons, looked at first. */
function machine(folders = ''): GpuView {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}/${process.arch}`;
  const addon = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin', 'napi-v6', platform);
  const paths = [folders, process.env.LD_LIBRARY_PATH ?? ''].flatMap((list) => list.split(':')).filter(Boolean);
  const cache = loaderCache();
  return {
    noDevice: whyNoDevice('cuda'),
    driver: driverVersion(),
    addon,
    exists: existsSync,
    finds: (library) =>
      [...paths, addon].map((path) => join(path, library)).find((file) => existsSync(file)) ?? cache.get(library),
    wanted: (file, pattern) => [...new Set(readFileSync(file, 'latin1').match(pattern))],
  };
}

function driverVersion(): string | undefined {
  try {
    return readFileSync('/proc/driver/nvidia/version', 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}

/** What the loader finds without being told where. */
function loaderCache(): ReadonlyMap<string, string> {
  try {
    const lines = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).split('\n');
    return new Map(
      lines.flatMap((line) => {
        const match = /^\s*(\S+) \(.*\) => (\S+)/.exec(line);
        return match ? [[match[1]!, match[2]!] as const] : [];
      }),
    );
  } catch {
    // No ldconfig: other systems than Linux.
    return new Map();
  }
}
