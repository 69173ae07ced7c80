// A map by bytes.

import { of, startsWith } from '../bytes.js';

/** Keys are bytes or text; they are compared by content. */
export class Bytes {
  #entries = new Map();

  get size() {
    return this.#entries.size;
  }

  get(key) {
    return this.#entries.get(name(of(key)))?.value;
  }

  set(key, value) {
    const bytes = of(key);
    this.#entries.set(name(bytes), { key: bytes, value });
    return this;
  }

  /** Keys and values. */
  entries() {
    return [...this.#entries.values()].map(({ key, value }) => [key, value]);
  }

  delete(key) {
    return this.#entries.delete(name(of(key)));
  }

  /** Keys with this beginning behind another one, in the order of their bytes. */
  keysAfter(prefix, after) {
    const least = name(after);
    return [...this.#entries]
      .filter(([own, { key }]) => startsWith(key, prefix) && own > least)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, { key }]) => key);
  }
}

/** Text that sorts as its bytes do: one character for each byte. */
function name(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
