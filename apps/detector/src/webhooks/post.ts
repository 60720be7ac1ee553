import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

import { guardedLookup, urlProblem, type AddressPolicy } from './address-policy.js';

/**
 * Posts a body and resolves with the status, whatever it is. Redirects are not followed: they would lead past what was
 * checked. What the receiver answers is not read.
 *
 * @throws Error with a sentence, where there is no answer within `timeoutMs` or the address is refused.
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  { policy, timeoutMs }: { readonly policy: AddressPolicy; readonly timeoutMs: number },
): Promise<number> {
  const problem = urlProblem(url, policy);
  if (problem) throw new Error(`${url} ${problem}`);
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const length = String(Buffer.byteLength(body));
    const outgoing = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': length },
      lookup: guardedLookup(policy),
      // A connection of its own: one that is kept would outlive what its name leads to.
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    outgoing.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    outgoing.once('error', (error) => {
      reject(error.name === 'AbortError' ? new Error(`no answer in ${timeoutMs} ms`, { cause: error }) : error);
    });
    outgoing.end(body);
  });
}
