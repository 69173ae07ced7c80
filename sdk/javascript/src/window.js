// How often something happened of late.

import { BoundedMap } from './bounded.js';
import { nanoseconds } from './services.js';

/** For each key what happened within a length of event time, the latest `most` times of it. */
export class Windows {
  constructor({ length, most, cap }) {
    if (!Number.isInteger(most)) throw new TypeError(`most is a whole number of hits, not ${most}`);
    this.length = nanoseconds(length);
    this.most = Math.max(most, 1);
    this.hits = new BoundedMap(cap);
  }

  add(key, event, value = null) {
    const before = this.hits.getOrInsertWith(key, () => []);
    let newest = event.at;
    for (const hit of before) if (hit.at > newest) newest = hit.at;
    const now = [...before, { at: event.at, event: event.id, value }];
    const within = now.filter((hit) => hit.at > newest - this.length).slice(-this.most);
    this.hits.set(key, within);
    return [...within];
  }

  forget(key) {
    this.hits.take(key);
  }
}

/** How many different values were given with hits of a window. */
export function distinct(hits) {
  return new Set(hits.map((hit) => hit.value)).size;
}
