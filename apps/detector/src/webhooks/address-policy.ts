import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** `public`: addresses of the internet; `private`: those and private networks; `any`: this machine and its neighbours too. */
export type AddressPolicy = 'public' | 'private' | 'any';

/** A process, a cloud's metadata service, or nobody in particular answers there: no receiver of alerts. */
const NEVER = blockList(
  ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ['::/128', '::1/128', 'fe80::/10', 'ff00::/8'],
);
const PRIVATE = blockList(
  ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ['fc00::/7'],
);

/** Whether a webhook may be sent to this IP address. */
export function isAllowed(address: string, policy: AddressPolicy): boolean {
  if (policy === 'any') return true;
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  // An IPv4 address in IPv6's clothes is looked at as what it is: BlockList does so for ::ffff:0:0/96 itself.
  if (NEVER.check(address, family)) return false;
  return policy === 'private' || !PRIVATE.check(address, family);
}

/** What is wrong with the address of a webhook, or undefined. Names are judged when they are resolved. */
export function urlProblem(text: string, policy: AddressPolicy): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'is no http or https URL';
  if (url.username !== '' || url.password !== '') return 'holds a user name or password; the signature tells who sends';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !isAllowed(host, policy)) return refusal(host, policy);
  return undefined;
}

/** Resolves names for a connection, and refuses those that lead where no webhook may go, whatever they led to before. */
export function guardedLookup(policy: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const refused = addresses.find(({ address }) => !isAllowed(address, policy));
      if (refused) return callback(new Error(`${hostname}: ${refusal(refused.address, policy)}`), []);
      if (options.all) return callback(null, addresses);
      const [first] = addresses;
      return callback(null, first?.address ?? '', first?.family);
    });
  };
}

function refusal(address: string, policy: AddressPolicy): string {
  return `${address} is no address that webhooks may go to (WEBHOOK_ADDRESSES is ${policy})`;
}

function blockList(v4: readonly string[], v6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [family, networks] of [['ipv4', v4] as const, ['ipv6', v6] as const]) {
    for (const network of networks) {
      const [address = '', prefix] = network.split('/');
      list.addSubnet(address, Number(prefix), family);
    }
  }
  return list;
}
