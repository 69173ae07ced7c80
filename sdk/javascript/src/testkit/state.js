// The service `state`, with the agent's limits.

import { failure } from '../catalogue.js';

/** Longest key and value, most keys of one answer, and bytes of the plugin's share for each key that
 * it may have: as in the agent. */
const MAX_KEY = 256;
const MAX_VALUE = 64 << 10;
const MAX_LISTED = 1024;
const BYTES_A_KEY = 64;
const MOST = 0xffffffffffffffffn;

/** The service over what has been seen of it; `limit` gives the plugin's share. */
export function stateOf(seen, limit, fail) {
  function entry(key) {
    const found = seen.state.get(key);
    return found && (found.ends === 0n || found.ends > seen.now) ? found : undefined;
  }

  function write(key, value, ends, isCounter) {
    if (key.length > MAX_KEY || value.length > MAX_VALUE) fail(failure.TOO_LARGE);
    const before = seen.state.get(key);
    const size = seen.state.size + (before ? 0 : 1);
    let bytes = key.length + value.length - (before ? key.length + before.value.length : 0);
    for (const [own, { value: held }] of seen.state.entries()) bytes += own.length + held.length;
    if (bytes > limit() || size > limit() / BYTES_A_KEY) fail(failure.QUOTA);
    seen.state.set(key, { value, ends, isCounter });
  }

  return {
    get: (key) => entry(key)?.value,
    set: (key, value, ttl) => write(key, value, ttl === 0n ? 0n : seen.now + ttl, false),
    delete(key) {
      seen.state.delete(key);
    },
    count(key, add, window) {
      // Also where a value stands: what is counted is a counter from now on.
      const found = entry(key);
      const before = found?.isCounter ? found : { value: new Uint8Array(8), ends: seen.now + window };
      const number = (bytes) => new DataView(bytes.buffer, bytes.byteOffset);
      const added = number(before.value).getBigUint64(0, true) + add;
      const sum = added < MOST ? added : MOST;
      const value = new Uint8Array(8);
      number(value).setBigUint64(0, sum, true);
      write(key, value, before.ends, true);
      return sum;
    },
    keys(prefix, after, most) {
      const within = seen.state.keysAfter(prefix, after);
      return within.filter((key) => entry(key)).slice(0, Math.min(most, MAX_LISTED));
    },
  };
}
