import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.js';
import { followChanges, type Change, type Liveness } from './events.js';
import { keyStore } from './key.js';

export interface Loaded<T> {
  /** What was read last; kept while it is read again. */
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly reload: () => void;
}

/** Reads when `deps` change and on `reload`; with another key as well. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError; deps: string }>({ deps: '' });
  const [turn, setTurn] = useState(0);
  const current = useRef(load);
  current.current = load;
  const key = JSON.stringify(deps);
  useEffect(() => {
    const leaving = new AbortController();
    current.current(leaving.signal).then(
      (data) => !leaving.signal.aborted && setState({ data, deps: key }),
      (error: unknown) => {
        if (leaving.signal.aborted) return;
        setState((before) => ({ ...(before.deps === key ? before : {}), error: asApiError(error), deps: key }));
      },
    );
    return () => leaving.abort();
  }, [key, turn]);
  useEffect(() => keyStore.subscribe(() => !keyStore.isWanted() && setTurn((n) => n + 1)), []);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { data: state.data, error: state.error, reload };
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(error instanceof Error ? error.message : String(error), 0, '');
}

/** `work` at most once in `ms`, the last call never lost; not while the page is out of sight. */
export function useThrottled(work: () => void, ms: number): () => void {
  const latest = useRef(work);
  latest.current = work;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const isDue = useRef(false);
  const run = useCallback(() => {
    if (timer.current !== undefined || document.hidden) {
      isDue.current = true;
      return;
    }
    latest.current();
    timer.current = setTimeout(() => {
      timer.current = undefined;
      if (!isDue.current) return;
      isDue.current = false;
      run();
    }, ms);
  }, []);
  useEffect(() => {
    const onShow = () => {
      if (document.hidden || !isDue.current || timer.current !== undefined) return;
      isDue.current = false;
      run();
    };
    document.addEventListener('visibilitychange', onShow);
    return () => {
      document.removeEventListener('visibilitychange', onShow);
      clearTimeout(timer.current);
    };
  }, []);
  return run;
}

let tellLiveness: (state: Liveness) => void = () => {};

/** How the connection is by which the page hears of changes; for one component. */
export function useLiveness(): Liveness {
  const [state, setState] = useState<Liveness>('connecting');
  useEffect(() => {
    tellLiveness = setState;
    return () => void (tellLiveness = () => {});
  }, []);
  return state;
}

/** Calls `onChange` for what changes; for one page at a time. `again` after a time without connection. */
export function useChanges(items: readonly string[], onChange: (change: Change) => void, again: () => void): void {
  const handlers = useRef({ onChange, again });
  handlers.current = { onChange, again };
  const [turn, setTurn] = useState(0);
  useEffect(() => keyStore.subscribe(() => !keyStore.isWanted() && setTurn((n) => n + 1)), []);
  const key = JSON.stringify(items);
  useEffect(() => {
    const leaving = new AbortController();
    const tell = {
      change: (change: Change) => handlers.current.onChange(change),
      again: () => handlers.current.again(),
      liveness: (state: Liveness) => tellLiveness(state),
    };
    void followChanges(JSON.parse(key) as string[], tell, leaving.signal);
    return () => leaving.abort();
  }, [key, turn]);
}

/** The time, anew every `ms`. */
export function useNow(ms: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}
