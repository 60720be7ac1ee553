import { RE2JSException } from 're2js';

import { PromqlError } from './errors.js';
import { labelsOf, withLabel, type Labels } from './labels.js';
import { anchored, type Matcher } from './matcher.js';

const LABEL_NAME = /^[A-Za-z_]\w*$/;

/**
 * `label_replace`: where the expression matches all of the source label, the target label becomes the replacement.
 *
 * @throws PromqlError `execution` for a wrong expression or label name.
 */
export function labelReplacer([target, replacement, source, pattern]: readonly string[]): (labels: Labels) => Labels {
  const regex = compile(pattern!);
  checkName(target!, 'destination');
  return (labels) => {
    const matcher = regex.matcher(labels.get(source!) ?? '');
    if (!matcher.matches()) return labels;
    const names = regex.namedGroups();
    const group = (name: string): string => {
      const number = /^\d+$/.test(name) ? Number(name) : names[name];
      if (number === undefined || number > regex.groupCount()) return '';
      return matcher.group(number) ?? '';
    };
    return withLabel(labels, target!, expand(replacement!, group));
  };
}

/**
 * `label_join`: the values of the source labels, joined by the separator, become the target label.
 *
 * @throws PromqlError `execution` for a wrong label name.
 */
export function labelJoiner([target, separator, ...sources]: readonly string[]): (labels: Labels) => Labels {
  checkName(target!, 'destination');
  for (const source of sources) checkName(source, 'source');
  return (labels) => withLabel(labels, target!, sources.map((source) => labels.get(source) ?? '').join(separator));
}

/** Labels of what `absent` finds to be missing: what the selector says they would be. */
export function labelsOfAbsent(matchers: readonly Matcher[] | undefined): Labels {
  const named = (matchers ?? []).filter(({ label }) => label !== '__name__');
  const equal = named.filter(({ op }) => op === '=');
  // A label that is asked for twice is not told.
  const once = equal.filter(({ label }) => named.filter((other) => other.label === label).length === 1);
  return labelsOf(once.map(({ label, value }) => [label, value] as const));
}

function compile(pattern: string) {
  try {
    return anchored(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new PromqlError('execution', `invalid regular expression in label_replace(): ${pattern}`);
  }
}

function checkName(name: string, role: string): void {
  if (!LABEL_NAME.test(name)) {
    throw new PromqlError('execution', `invalid ${role} label name in label function: ${JSON.stringify(name)}`);
  }
}

/** Go's `Expand`: `$1`, `${1}`, `$name`, `${name}`, and `$$` for a dollar. */
function expand(template: string, group: (name: string) => string): string {
  return template.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare?: string, braced?: string) =>
    whole === '$$' ? '$' : group(bare ?? braced ?? ''),
  );
}
