import { Injectable } from '@nestjs/common';
import type { Problem } from './problem.js';

/** How an API of somebody else tells its errors. */
export interface ErrorForm {
  /** Whether a path is of that API: `/v2/models/ttm/infer`, without the query. */
  covers(path: string): boolean;
  /** The answer for a problem; its status where that API has another one for it. */
  render(problem: Problem): { readonly status?: number; readonly body: unknown };
}

/**
 * The forms in which errors are told beside problem+json, whatever they come from: a body that is no JSON, a guard, a
 * handler, or a path that nobody serves. Who speaks such an API adds its form: `forms.add({ covers, render })`.
 */
@Injectable()
export class ErrorForms {
  readonly #forms: ErrorForm[] = [];

  add(form: ErrorForm): void {
    this.#forms.push(form);
  }

  /** The form of a URL, or undefined where errors are problems. */
  of(url: string): ErrorForm | undefined {
    const path = url.split('?', 1)[0]!;
    return this.#forms.find((form) => form.covers(path));
  }
}
