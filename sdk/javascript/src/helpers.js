// Memory that cannot be filled by whoever makes the events, and what is built on it.

import { nanoseconds } from './services.js';

/** A map that holds at most so many entries: adding one more evicts the oldest. */
export class BoundedMap {
  constructor(cap) {
    this.cap = Math.max(cap, 1);
    this.entries = new Map();
    this.evicted = 0;
  }

  get size() {
    return this.entries.size;
  }

  has(key) {
    return this.entries.has(key);
  }

  get(key) {
    return this.entries.get(key);
  }

  set(key, value) {
    if (!this.entries.has(key)) makeRoom(this);
    this.entries.set(key, value);
    return this;
  }

  getOrInsertWith(key, make) {
    if (!this.entries.has(key)) {
      makeRoom(this);
      this.entries.set(key, make());
    }
    return this.entries.get(key);
  }

  take(key) {
    const value = this.entries.get(key);
    this.entries.delete(key);
    return value;
  }

  *[Symbol.iterator]() {
    yield* [...this.entries];
  }

}

// No private method: a map out of a snapshot was not made by the constructor.
function makeRoom(map) {
  while (map.entries.size >= map.cap) {
    map.entries.delete(map.entries.keys().next().value);
    map.evicted += 1;
  }
}

/** For each key what happened within a length of event time, the latest `most` times of it. */
export class Windows {
  constructor({ length, most, cap }) {
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

/** For each key how far it has come in a sequence of steps, of which the last is to follow the
 * first within a time. */
export class Sequences {
  constructor({ steps, within, cap }) {
    this.steps = Math.max(steps, 2);
    this.within = nanoseconds(within);
    this.begun = new BoundedMap(cap);
  }

  step(key, step, event) {
    let begun = this.begun.get(key);
    if (begun && event.at - begun.at > this.within) {
      this.begun.take(key);
      begun = undefined;
    }
    if (step === 0) {
      if (!begun || begun.events.length === 1) {
        this.begun.take(key);
        this.begun.set(key, { at: event.at, events: [event.id] });
      }
      return null;
    }
    if (!begun || begun.events.length !== step) return null;
    begun.events.push(event.id);
    if (begun.events.length < this.steps) return null;
    this.begun.take(key);
    return begun.events;
  }
}

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
