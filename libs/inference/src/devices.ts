import { existsSync, readdirSync } from 'node:fs';
import type { Provider } from './ort-protocol.js';

/** Looks at the file system; a missing folder is empty. */
export interface DeviceView {
  readonly platform: string;
  exists(path: string): boolean;
  list(path: string): readonly string[];
}

const machine: DeviceView = {
  platform: process.platform,
  exists: existsSync,
  list: (path) => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  },
};

/**
 * Why a provider can't work here, as far as that can be seen at no cost; undefined when it is worth a trial. Keeps the
 * start of a machine without a GPU free of child processes.
 */
export function whyNoDevice(provider: Provider, view: DeviceView = machine): string | undefined {
  if (provider === 'cpu') return undefined;
  const nvidia = view.list('/dev').some((name) => /^nvidia\d+$/.test(name)) || view.exists('/dev/dxg');
  if (provider === 'cuda') {
    // On Windows devices are no files: only a trial tells.
    if (view.platform === 'win32' || (view.platform === 'linux' && nvidia)) return undefined;
    return 'no NVIDIA device on this machine';
  }
  if (view.platform !== 'linux') return undefined;
  const rendering = view.list('/dev/dri').some((name) => name.startsWith('renderD'));
  return rendering || nvidia ? undefined : 'no GPU on this machine';
}
