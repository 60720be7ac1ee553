import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ApiError } from '../api.js';
import type { Freshness } from '../format.js';

/** Says what went wrong, and how to go on. */
export function Problem({ error, retry }: { readonly error: ApiError | undefined; readonly retry?: () => void }) {
  if (!error) return null;
  return (
    <div class="notice bad" role="alert">
      <p>{error.message}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A card with a heading. */
export function Card(props: {
  readonly title: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <section class={props.wide ? 'card wide' : 'card'}>
      <div class="card-head">
        <h2>{props.title}</h2>
        {props.actions}
      </div>
      {props.children}
    </section>
  );
}

const FRESHNESS: Readonly<Record<Freshness, readonly [tone: string, text: string]>> = {
  fresh: ['good', 'fresh'],
  late: ['warn', 'late'],
  silent: ['idle', 'silent'],
  unknown: ['idle', 'new'],
};

/** How a series keeps its pace, in a word and a colour. */
export function FreshnessChip({ state }: { readonly state: Freshness }) {
  const [tone, text] = FRESHNESS[state];
  return <Chip tone={tone}>{text}</Chip>;
}

export function Chip({ tone, children }: { readonly tone: string; readonly children: ComponentChildren }) {
  return (
    <span class={`chip ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}

/** A share of something as a bar, with its text beside it. */
export function Bar({ share, label }: { readonly share: number; readonly label: string }) {
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return (
    <span class="bar-track" role="img" aria-label={label}>
      <span class="bar-fill" style={{ width }} />
    </span>
  );
}

/** A table that scrolls sideways where it does not fit. */
export function Table(props: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={props.caption}>
      <table>
        <caption class="hidden">{props.caption}</caption>
        <thead>
          <tr>
            {props.head.map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** Heading of a page; it takes the focus when the page is turned to, so that who can't see hears where they are. */
export function PageTitle({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Tidecast`;
    if (document.body.dataset.turned) heading.current?.focus();
    document.body.dataset.turned = 'yes';
  }, [title]);
  return (
    <div class="page-head">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}
