// What is remembered of a process, for its descendants.

import { BoundedMap } from './bounded.js';

/** Values put on processes, found again from their descendants. */
export class Flags {
  constructor(cap) {
    this.flags = new BoundedMap(cap);
  }

  put(process, value) {
    this.flags.set(typeof process === 'bigint' ? process : process.key, value);
  }

  take(process) {
    return this.flags.take(typeof process === 'bigint' ? process : process.key) ?? null;
  }

  nearest(process, most = 64) {
    let number = 0;
    for (const one of process.lineage()) {
      if (number === most) break;
      number += 1;
      const value = this.flags.get(one.key);
      if (value !== undefined) return [one, value];
    }
    return null;
  }
}
