import { availableCpus, inferenceThreads } from './cpu-quota.js';

const files = (contents: Record<string, string>) => (path: string) => contents[path];

describe('availableCpus', () => {
  it('is what the machine has where no cgroup limits it', () => {
    expect(availableCpus(files({}), 16)).toBe(16);
    expect(availableCpus(files({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }), 16)).toBe(
      16,
    );
  });

  it('is the quota of cgroup v2', () => {
    const view = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '250000 100000\n' };
    expect(availableCpus(files(view), 16)).toBe(2.5);
  });

  it('is the tightest quota between the group and the root', () => {
    const view = {
      '/proc/self/cgroup': '0::/pod/container\n',
      '/sys/fs/cgroup/pod/cpu.max': '100000 100000',
      '/sys/fs/cgroup/pod/container/cpu.max': '400000 100000',
    };
    expect(availableCpus(files(view), 16)).toBe(1);
  });

  it('is the quota of cgroup v1', () => {
    const view = {
      '/proc/self/cgroup': '5:memory:/a\n4:cpuacct,cpu:/a\n',
      '/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '300000\n',
      '/sys/fs/cgroup/cpu/a/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    expect(availableCpus(files(view), 16)).toBe(3);
  });

  it('ignores what it can not read as a number', () => {
    expect(availableCpus(files({ '/sys/fs/cgroup/cpu.max': 'soon\n' }), 4)).toBe(4);
  });
});

describe('inferenceThreads', () => {
  it('leaves one CPU to everything else, and is at least 1 and at most 8', () => {
    expect([0.5, 1, 2, 2.5, 4, 64].map((cpus) => inferenceThreads(0, cpus))).toEqual([1, 1, 1, 1, 3, 8]);
  });

  it('is what is configured', () => {
    expect(inferenceThreads(12, 2)).toBe(12);
  });
});
