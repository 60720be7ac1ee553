import { useEffect, useRef, useState } from 'preact/hooks';
import { fieldText } from './field-text.js';
import { useLiveness } from './hooks.js';
import { keyStore } from './key.js';
import { ItemPage } from './pages/item.js';
import { ItemsPage } from './pages/items.js';
import { JobsPage } from './pages/jobs.js';
import { ModelsPage } from './pages/models.js';
import { StreamsPage } from './pages/streams.js';
import { TryPage } from './pages/try.js';
import { parseRoute, type Route } from './route.js';
import { nextTheme, showTheme, storedTheme } from './theme.js';

const PLACES = [
  { page: 'items', name: 'Items', icon: 'M3 17l5-6 4 3 6-9 3 4' },
  { page: 'jobs', name: 'Jobs', icon: 'M12 7v5l3 3M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z' },
  { page: 'models', name: 'Models', icon: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9' },
  { page: 'streams', name: 'Streams', icon: 'M3 8c3-3 6 3 9 0s6 3 9 0M3 15c3-3 6 3 9 0s6 3 9 0' },
  { page: 'try', name: 'Try', icon: 'M12 15V4m0 0L8 8m4-4l4 4M4 15v5h16v-5' },
] as const;

/** The frame around all pages. */
export function App() {
  const route = useRoute();
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      <header class="bar">
        <a class="brand" href="#/">
          <Logo /> Tidecast
        </a>
        <Live />
        <ThemeButton />
        <KeyButton />
      </header>
      <nav class="places" aria-label="Places">
        {PLACES.map(({ page, name, icon }) => (
          <a
            key={page}
            href={`#/${page === 'items' ? '' : page}`}
            aria-current={page === (route.page === 'item' ? 'items' : route.page) ? 'page' : undefined}
          >
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d={icon} />
            </svg>
            {name}
          </a>
        ))}
        <a class="docs" href="/docs">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M8 7l-5 5 5 5M16 7l5 5-5 5" />
          </svg>
          API
        </a>
      </nav>
      <main id="main" tabIndex={-1}>
        <Page route={route} />
      </main>
    </>
  );
}

function Page({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'items':
      return <ItemsPage />;
    case 'item':
      return <ItemPage key={route.itemId} itemId={route.itemId} channel={route.channel} />;
    case 'jobs':
      return <JobsPage />;
    case 'models':
      return <ModelsPage />;
    case 'streams':
      return <StreamsPage />;
    case 'try':
      return <TryPage />;
  }
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const turn = () => {
      setRoute(parseRoute(location.hash));
      scrollTo(0, 0);
    };
    addEventListener('hashchange', turn);
    return () => removeEventListener('hashchange', turn);
  }, []);
  return route;
}

// The address stays: what follows # in it names the page.
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="past" d="M4 20c4 0 4-7 8-7s4 7 8 7" />
      <path class="fan" d="M20 20c3 0 4-4 8-9v12c-4 0-5-3-8-3z" />
    </svg>
  );
}

const LIVENESS = {
  live: ['good', 'live'],
  connecting: ['idle', 'connecting'],
  away: ['bad', 'not connected'],
} as const;

function Live() {
  const [tone, text] = LIVENESS[useLiveness()];
  return (
    <span class={`chip ${tone} live`} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  const turn = () => {
    const next = nextTheme(theme);
    setTheme(next);
    showTheme(next);
  };
  return (
    <button
      type="button"
      class="bare"
      onClick={turn}
      aria-label={`Colours: ${theme}. Change`}
      title={`Colours: ${theme}`}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        {theme === 'dark' ? (
          <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z" />
        ) : theme === 'light' ? (
          <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4L19 5" />
        ) : (
          <path d="M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18" class="half" />
        )}
      </svg>
    </button>
  );
}

function KeyButton() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [, setTurn] = useState(0);
  useEffect(
    () =>
      keyStore.subscribe(() => {
        setTurn((n) => n + 1);
        if (keyStore.isWanted() && !dialog.current?.open) dialog.current?.showModal();
      }),
    [],
  );
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    keyStore.set(fieldText(form, 'key'));
    dialog.current?.close();
  };
  const hasKey = keyStore.get() !== null;
  return (
    <>
      <button
        type="button"
        class="bare"
        aria-label={hasKey ? 'API key: entered. Change' : 'Enter an API key'}
        title="API key"
        onClick={() => dialog.current?.showModal()}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true" class={hasKey ? 'on' : ''}>
          <path d="M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12l9-9m-4 4l3 3" />
        </svg>
      </button>
      <dialog ref={dialog} aria-labelledby="key-title">
        <form onSubmit={save}>
          <h2 id="key-title">API key</h2>
          <p>
            {keyStore.isWanted()
              ? 'This server answers only with a key that it knows.'
              : 'Needed where the server is not on this machine.'}{' '}
            It stays in this tab and goes when the tab is closed.
          </p>
          <label class="field">
            Key
            <input name="key" type="password" autoComplete="off" spellcheck={false} autoFocus />
          </label>
          <div class="row end">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" class="primary">
              Use it
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
