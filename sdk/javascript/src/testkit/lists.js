// The operator's lists of a test, in the form that the agent reads.

import { isIPv4, isIPv6 } from 'node:net';
import { hex, of, text } from '../bytes.js';
import { indicator } from '../catalogue.js';
import * as net from '../net.js';

const BETWEEN = /[\s,;#]+/;

/** Lists, in the order of their names. */
export class Lists {
  #lines = [];

  /** By name, as they were given. */
  texts = new Map();

  /** A further list, or further lines of one. */
  add(name, lines) {
    for (const line of lines.split('\n').map((one) => one.trim())) {
      if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
      const [entry] = line.split(BETWEEN, 1);
      this.#lines.push({ list: name, note: line.slice(entry.length).replace(/^[\s,;#]+/, ''), ...parse(entry) });
    }
    this.#lines.sort((one, other) => (one.list < other.list ? -1 : Number(one.list > other.list)));
    this.texts.set(name, `${this.texts.get(name) ?? ''}${lines}\n`);
  }

  /** The entries that match, the narrowest first; nothing where the value has not the form of its
   * kind. */
  lookUp(kind, value) {
    const match = MATCH[kind]?.(value);
    if (!match) return undefined;
    const found = this.#lines.flatMap((line) => {
      const width = match(line);
      return width === undefined ? [] : [{ width, hit: { list: line.list, entry: line.entry, note: line.note } }];
    });
    return found.sort((one, other) => one.width - other.width).map(({ hit }) => hit);
  }
}

/** How far an entry lies from what is looked for, by kind; nothing where it does not match. */
const MATCH = {
  [indicator.ADDRESS](value) {
    const bytes = plain(value);
    if (!bytes) return undefined;
    return ({ network, fixed }) => {
      if (network?.length !== bytes.length || !within(bytes, network, fixed)) return undefined;
      return bytes.length * 8 - fixed;
    };
  },
  [indicator.DOMAIN](value) {
    const name = folded(text(of(value)));
    return ({ domain }) => {
      if (domain === undefined || (name !== domain && !name.endsWith(`.${domain}`))) return undefined;
      return name.length - domain.length;
    };
  },
  [indicator.HASH](value) {
    return value.length === 32 ? ({ hash }) => (hash === hex(value) ? 0 : undefined) : undefined;
  },
};

function parse(entry) {
  if (/^[0-9a-f]{64}$/i.test(entry)) return { hash: entry.toLowerCase(), entry: entry.toLowerCase() };
  const [address, length] = entry.split('/');
  const bytes = parseAddress(address);
  if (bytes) {
    const whole = bytes.length * 8;
    const fixed = length === undefined ? whole : Number(length);
    if (!(Number.isInteger(fixed) && fixed >= 0 && fixed <= whole)) throw new Error(`${entry} is no network`);
    const network = bytes.map((byte, n) => byte & mask(fixed - 8 * n));
    // Here an address inside IPv6 is written as it was.
    const shown = network.length === 4 ? network.join('.') : net.ip(network);
    return { network, fixed, entry: fixed === whole ? shown : `${shown}/${fixed}` };
  }
  const domain = folded(entry.replace(/^\*?\./, ''));
  if (!/^[a-z0-9._-]+$/.test(domain)) {
    throw new Error(`${JSON.stringify(entry)} is no address, network, domain or SHA-256`);
  }
  return { domain, entry: domain };
}

/** The bits of a byte of which so many, and those of the bytes before it, are fixed. */
function mask(fixed) {
  return (0xff00 >> Math.min(Math.max(fixed, 0), 8)) & 0xff;
}

function within(bytes, network, fixed) {
  return network.every((byte, n) => byte === (bytes[n] & mask(fixed - 8 * n)));
}

/** The four bytes of an IPv4 address, be it inside IPv6, or the sixteen of another. */
function plain(address) {
  const shown = net.ip(address);
  return shown === null ? undefined : parseAddress(shown);
}

function parseAddress(shown) {
  if (isIPv4(shown)) return Uint8Array.from(shown.split('.'), Number);
  if (!isIPv6(shown) || shown.includes('%')) return undefined;
  const last = shown.slice(shown.lastIndexOf(':') + 1);
  // Its last four bytes may be written as an IPv4 address.
  const [a, b, c, d] = isIPv4(last) ? last.split('.').map(Number) : [];
  const whole = a === undefined ? shown : shown.slice(0, -last.length) + [a * 256 + b, c * 256 + d].map((group) => group.toString(16)).join(':');
  const [head, tail] = whole.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = tail ? Array(8 - head.length - tail.length).fill('0') : [];
  const groups = [...head, ...zeros, ...(tail ?? [])].map((group) => parseInt(group, 16));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function folded(name) {
  return name.replace(/\.$/, '').toLowerCase();
}
