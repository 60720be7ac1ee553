import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { whyNoDevice, type DeviceView } from './devices.js';
import { writeTinyPackage } from './fixtures/tiny-model.js';
import { checkGpu } from './gpu-check.js';
import type { Provider } from './ort-protocol.js';
import { probeInChild, type ProbeReport, type ProbeRequest } from './provider-probe.js';
import { chooseProvider } from './providers.js';

/** Why WebGPU or CUDA can't be tried here; undefined where they can. */
const noVulkan = vulkanDrivers().length > 0 ? undefined : 'no Vulkan driver; install mesa-vulkan-drivers 25 or newer';
const noCuda = checkGpu()
  .find(({ found }) => found === undefined)
  ?.what.replace(/^/, 'lacks ');

function vulkanDrivers(): string[] {
  const named = (process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? '').split(':').filter(Boolean);
  const folders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'].filter((folder) => existsSync(folder));
  return [...named, ...folders.flatMap((folder) => readdirSync(folder))];
}

const request: ProbeRequest = {
  load: { file: 'model.onnx', sha256: '', provider: 'cpu', threads: 1 },
  golden: { file: 'golden.json', sha256: '' },
};

/** A machine on which trials end as told; remembers which were made. */
function machine(reports: Partial<Record<Provider, ProbeReport>>) {
  const tried: Provider[] = [];
  const probe = ({ load }: ProbeRequest) => {
    tried.push(load.provider);
    return Promise.resolve(reports[load.provider] ?? { failure: 'absent' });
  };
  return { tried, probe, noDevice: () => undefined };
}

jest.setTimeout(60_000);

describe('chooseProvider', () => {
  it('takes the CPU without a trial when asked for', async () => {
    const view = machine({});
    await expect(chooseProvider('cpu', request, view)).resolves.toEqual({ provider: 'cpu' });
    expect(view.tried).toEqual([]);
  });

  it('takes the CPU without a trial on a machine without a device, which is no fall-back', async () => {
    const view = { ...machine({}), noDevice: () => 'no GPU on this machine' };
    await expect(chooseProvider('auto', request, view)).resolves.toEqual({ provider: 'cpu' });
    expect(view.tried).toEqual([]);
  });

  it('takes the first device that is proven and faster than the CPU', async () => {
    const view = machine({ cpu: { seconds: 0.01 }, cuda: { failure: 'driver too old' }, webgpu: { seconds: 0.002 } });
    await expect(chooseProvider('auto', request, view)).resolves.toEqual({ provider: 'webgpu' });
    expect(view.tried).toEqual(['cpu', 'cuda', 'webgpu']);
  });

  it('stays on a CPU that is faster, and says so', async () => {
    const view = machine({ cpu: { seconds: 0.001 }, cuda: { failure: 'driver too old' }, webgpu: { seconds: 0.06 } });
    await expect(chooseProvider('auto', request, view)).resolves.toEqual({
      provider: 'cpu',
      fallback: 'cuda: driver too old; webgpu: 60.0 ms a run, the CPU takes 1.0 ms',
    });
  });

  it('takes a slow device that is asked for by name', async () => {
    const view = machine({ webgpu: { seconds: 0.06 } });
    await expect(chooseProvider('webgpu', request, view)).resolves.toEqual({ provider: 'webgpu' });
  });

  it('says why a device that is asked for by name is not used', async () => {
    const view = machine({ cuda: { failure: 'libcublasLt.so.13: cannot open' } });
    await expect(chooseProvider('cuda', request, view)).resolves.toEqual({
      provider: 'cpu',
      fallback: 'cuda: libcublasLt.so.13: cannot open',
    });
  });
});

describe('whyNoDevice', () => {
  const linux = (...devices: string[]): DeviceView => ({
    platform: 'linux',
    exists: (path) => devices.includes(path),
    list: (folder) =>
      devices.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1)),
  });

  it('sees NVIDIA cards, also under WSL', () => {
    expect(whyNoDevice('cuda', linux('/dev/nvidia0'))).toBeUndefined();
    expect(whyNoDevice('cuda', linux('/dev/dxg'))).toBeUndefined();
    expect(whyNoDevice('cuda', linux('/dev/nvidiactl'))).toBe('no NVIDIA device on this machine');
  });

  it('sees render nodes', () => {
    expect(whyNoDevice('webgpu', linux('/dev/dri/renderD128'))).toBeUndefined();
    expect(whyNoDevice('webgpu', linux())).toBe('no GPU on this machine');
  });

  it('knows that a Mac has no CUDA and may have WebGPU', () => {
    const mac = { ...linux(), platform: 'darwin' };
    expect(whyNoDevice('cuda', mac)).toBeDefined();
    expect(whyNoDevice('webgpu', mac)).toBeUndefined();
  });

  it('never doubts the CPU', () => {
    expect(whyNoDevice('cpu', linux())).toBeUndefined();
  });
});

describe('probeInChild', () => {
  let folder: string;
  let real: ProbeRequest;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-probe-spec-'));
    const home = writeTinyPackage(folder);
    const named = (name: string) => {
      const file = join(home, name);
      return { file, sha256: createHash('sha256').update(readFileSync(file)).digest('hex') };
    };
    real = { load: { ...named('model.onnx'), provider: 'cpu', threads: 1 }, golden: named('golden.json') };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('proves the CPU by the golden numbers and by the profile, and times it', async () => {
    const report = await probeInChild(real);
    expect(report).toEqual({ seconds: expect.any(Number) });
    expect(report.seconds).toBeGreaterThan(0);
  });

  const proves = async (provider: Provider) => {
    // A software renderer compiles its first shaders for half a minute.
    const report = await probeInChild({ ...real, load: { ...real.load, provider } }, { timeoutMs: 120_000 });
    // A driver that is too old says so; Debian 12's own is.
    if (/No supported adapters/.test(report.failure ?? '')) console.info(`${provider}: ${report.failure}`);
    else expect(report).toEqual({ seconds: expect.any(Number) });
  };
  // The same proof for both: by the golden numbers, and by the profile that every matrix product ran there.
  const whereThereIs = (lack: string | undefined) => (lack === undefined ? it : it.skip);
  const because = (lack: string | undefined) => (lack === undefined ? '' : ` (skipped: ${lack})`);
  whereThereIs(noVulkan)(
    `proves WebGPU, on a software renderer too${because(noVulkan)}`,
    () => proves('webgpu'),
    240_000,
  );
  whereThereIs(noCuda)(`proves CUDA${because(noCuda)}`, () => proves('cuda'), 240_000);

  it('says which library lacks where CUDA can not be', async () => {
    if (!noCuda) return;
    const { failure } = await probeInChild({ ...real, load: { ...real.load, provider: 'cuda' } });
    // Told by the loader only.
    expect(failure).toMatch(/cuda.*\(.*\.so|CUDA failure \d+/i);
  });

  it('reports a model that can not be loaded as a failure', async () => {
    const { failure } = await probeInChild({ ...real, load: { ...real.load, file: join(folder, 'absent.onnx') } });
    expect(failure).toMatch(/absent\.onnx/);
  });

  it('reports a trial that hangs as a failure', async () => {
    await expect(probeInChild(real, { timeoutMs: 1 })).resolves.toEqual({
      failure: 'probe was ended: no answer within 0.001 s',
    });
  });
});
