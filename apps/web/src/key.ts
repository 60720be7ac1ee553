const NAME = 'tidecast-key';

type Listener = () => void;
const listeners = new Set<Listener>();
let isWanted = false;

/** The API key of this tab: gone when it is closed, and never in an address or a cookie. */
export const keyStore = {
  get: (): string | null => sessionStorage.getItem(NAME),
  /** Whether the API refused to answer without one. */
  isWanted: (): boolean => isWanted,
  ask(): void {
    isWanted = true;
    tell();
  },
  set(key: string): void {
    if (key === '') sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, key);
    isWanted = false;
    tell();
  },
  subscribe(listener: Listener): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

function tell(): void {
  for (const listener of listeners) listener();
}
