import { availableCpus, inferencePlan } from './cpu-quota.js';

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

describe('inferencePlan', () => {
  const plan = (workers: number, threads: number, cpus: number) =>
    Object.values(inferencePlan({ workers, threads }, cpus));

  it('spends CPUs on workers first, at most four, and then on threads, at most eight', () => {
    expect([0.5, 1, 2, 2.5, 4, 9, 64].map((cpus) => plan(0, 0, cpus))).toEqual([
      [1, 1],
      [1, 1],
      [2, 1],
      [2, 1],
      [4, 1],
      [4, 2],
      [4, 8],
    ]);
  });

  it('is what is configured, and derives the rest', () => {
    expect(plan(3, 12, 2)).toEqual([3, 12]);
    expect(plan(0, 2, 4)).toEqual([2, 2]);
    expect(plan(1, 0, 4)).toEqual([1, 4]);
  });
});
