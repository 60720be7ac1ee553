import { checkGpu, type GpuView } from './gpu-check.js';

const view = (own: Partial<GpuView> = {}): GpuView => ({
  noDevice: 'no NVIDIA device on this machine',
  addon: '/addon',
  exists: () => false,
  finds: () => undefined,
  wanted: () => [],
  ...own,
});

describe('checkGpu', () => {
  it('names everything that lacks on a bare machine, in order, each with a remedy', () => {
    const steps = checkGpu(view());
    expect(steps.every(({ found }) => found === undefined)).toBe(true);
    expect(steps[0]).toMatchObject({ what: 'an NVIDIA card', remedy: expect.stringContaining('no NVIDIA device') });
    expect(steps.map(({ what }) => what)).toContain('libcublasLt.so.13');
    expect(steps.find(({ what }) => what.includes('providers_cuda'))!.remedy).toContain('onnxruntime-gpu==1.30.0');
  });

  it('reads from the provider itself which CUDA it wants', () => {
    const steps = checkGpu(view({ exists: () => true, wanted: () => ['libcublas.so.12'] }));
    expect(steps.map(({ what }) => what)).toContain('libcublas.so.12');
    expect(steps.find(({ what }) => what === 'libcublas.so.12')!.remedy).toContain('of CUDA 12');
  });

  it('lacks nothing on a machine that has it all', () => {
    const steps = checkGpu(
      view({ noDevice: undefined, driver: 'NVRM version 580', exists: () => true, finds: (name) => `/lib/${name}` }),
    );
    expect(steps.filter(({ found }) => found === undefined)).toEqual([]);
  });

  it('looks at this machine without failing', () => {
    expect(checkGpu().length).toBeGreaterThan(5);
  });
});
