// What the host sends in one call. Everything is read from it when it is asked for.

import { NOTHING, own } from './bytes.js';
import { Event } from './catalogue.js';
import { Process } from './process.js';

export class Batch {
  constructor(raw) {
    this.raw = raw;
    this.text = own(raw.text);
  }

  *events() {
    for (const raw of this.raw.events) yield new Event(this, raw);
  }

  /** The bytes of a span; empty where it lies outside of the text. */
  span({ start, len }) {
    const { text } = this;
    return start + len <= text.length ? text.subarray(start, start + len) : NOTHING;
  }

  process(row) {
    const raw = this.raw.processes[row];
    return raw === undefined ? null : new Process(this, raw);
  }

  attr({ first, count }, key) {
    const { attrs } = this.raw;
    const end = Math.min(first + count, attrs.length);
    for (let n = first; n < end; n += 1) {
      if (attrs[n].key === key) return attrs[n];
    }
    return undefined;
  }

  texts({ first, count }, key) {
    const rows = this.raw.attrs.slice(first, first + count);
    return rows.filter((attr) => attr.key === key).map((attr) => this.span(attr.text));
  }
}
