// The host's services as a plugin calls them.

import { of, own } from './bytes.js';
import { Batch } from './batch.js';
import { fileRole, indicator } from './catalogue.js';
import { Failure } from './failure.js';
import { idOf, keyOf } from './finding.js';
import { services } from './host.js';

/** Seconds of event time as the contract has them. */
export function nanoseconds(seconds) {
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) {
    throw new TypeError(`a time is a number of seconds, not ${seconds}`);
  }
  const ns = BigInt(Math.round(Math.max(seconds, 0) * 1e9));
  return ns < 0xffffffffffffffffn ? ns : 0xffffffffffffffffn;
}

function service(name) {
  return (
    services[name] ??
    new Proxy(
      {},
      {
        get(_, called) {
          throw new Error(
            `this plugin calls ${name}.${String(called)}, and its manifest does not declare that: ` +
              `add "${name}" to services under [capabilities]`,
          );
        },
      },
    )
  );
}

/** Calls a service that may fail. */
function ask(name, call, ...args) {
  const host = service(name);
  const asked = host[call];
  try {
    return asked(...args);
  } catch (error) {
    if (typeof error?.payload === 'number') throw new Failure(error.payload);
    throw error;
  }
}

export const log = {
  trace: (message) => service('log').write('trace', String(message)),
  debug: (message) => service('log').write('debug', String(message)),
  info: (message) => service('log').write('info', String(message)),
  warn: (message) => service('log').write('warn', String(message)),
  error: (message) => service('log').write('error', String(message)),
};

export const metrics = {
  add: (name, value = 1) => service('metrics').add(name, BigInt(value)),
  set: (name, value) => service('metrics').set(name, BigInt(value)),
};

export const state = {
  get(key) {
    const value = service('state').get(of(key));
    return value ? own(value) : null;
  },
  set(key, value, ttl) {
    // 0 means "for good" to the host, so a lifetime that rounds to nothing is made 1 ns.
    const lifetime = ttl === undefined ? 0n : nanoseconds(ttl) || 1n;
    ask('state', 'set', of(key), of(value), lifetime);
  },
  delete: (key) => service('state').delete(of(key)),
  count: (key, add, window) => ask('state', 'count', of(key), BigInt(add), nanoseconds(window)),
  keys: (prefix = '', after = '', most = 256) => service('state').keys(of(prefix), of(after), most).map(own),
};

function first([number, raw]) {
  const batch = new Batch(raw);
  return Array.from({ length: number }, (_, row) => batch.process(row)).filter(Boolean);
}

export const context = {
  process: (event, key) => new Batch(ask('context', 'process', idOf(event), keyOf(key))).process(0),
  children: (event, key, most = 256) => first(ask('context', 'children', idOf(event), keyOf(key), most)),
  members: (event, container, most = 256) =>
    first(ask('context', 'members', idOf(event), keyOf(container), most)),
  sockets(event, key) {
    const found = ask('context', 'sockets', idOf(event), keyOf(key));
    return found.map((socket) => ({ ...socket, local: own(socket.local), remote: own(socket.remote) }));
  },
};

export const file = {
  stat: (event, role = fileRole.PATH) => ask('file', 'stat', idOf(event), role),
  sha256: (event, role = fileRole.PATH) => own(ask('file', 'sha256', idOf(event), role)),
  head: (event, role = fileRole.PATH, length = 4096) =>
    own(ask('file', 'head', idOf(event), role, length)),
  elf(event, role = fileRole.PATH) {
    const facts = ask('file', 'elf', idOf(event), role);
    return { ...facts, buildId: own(facts.buildId) };
  },
};

export const intel = {
  address: (value) => ask('intel', 'lookUp', indicator.ADDRESS, value),
  domain: (name) => ask('intel', 'lookUp', indicator.DOMAIN, of(name)),
  digest: (value) => ask('intel', 'lookUp', indicator.HASH, value),
};

export const timer = {
  set: (token, after) => ask('timer', 'set', BigInt(token), nanoseconds(after)),
  clear: (token) => service('timer').clear(BigInt(token)),
};
