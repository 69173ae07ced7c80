// Memory that cannot be filled by whoever makes the events.

/** A map that holds at most so many entries: adding one more evicts the oldest. */
export class BoundedMap {
  constructor(cap) {
    // Without one it would grow for ever.
    if (!Number.isInteger(cap)) throw new TypeError(`a cap is a whole number of entries, not ${cap}`);
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
