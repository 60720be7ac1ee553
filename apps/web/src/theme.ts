const NAME = 'tidecast-theme';
export type Theme = 'auto' | 'light' | 'dark';
const ORDER: readonly Theme[] = ['auto', 'light', 'dark'];

/** What was chosen in this browser; `auto` follows the system. */
export function storedTheme(): Theme {
  return ORDER.find((theme) => theme === localStorage.getItem(NAME)) ?? 'auto';
}

/** Shows a theme and keeps it; charts hear of it by the event `themechange` of the document. */
export function showTheme(theme: Theme): void {
  localStorage.setItem(NAME, theme);
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event('themechange'));
}

/** The one that a click on the button leads to. */
export function nextTheme(theme: Theme): Theme {
  return ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length]!;
}

/** Calls `onChange` when colours are others: by choice, or because the system's are. */
export function onColours(onChange: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  document.addEventListener('themechange', onChange);
  system.addEventListener('change', onChange);
  return () => {
    document.removeEventListener('themechange', onChange);
    system.removeEventListener('change', onChange);
  };
}

/** The value of a colour of the style sheet. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
