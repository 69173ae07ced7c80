// What every event has, whatever its kind: the fields and slots of `record event`.

import { NOTHING } from './bytes.js';

export class Slots {
  #batch;
  #raw;

  constructor(batch, raw) {
    this.#batch = batch;
    this.#raw = raw;
  }

  get kind() {
    return this.#raw.kind;
  }
  get id() {
    return this.#raw.id;
  }
  get at() {
    return this.#raw.at;
  }
  get ret() {
    return this.#raw.ret;
  }
  get succeeded() {
    return this.#raw.ret >= 0;
  }
  get tid() {
    return this.#raw.tid;
  }
  get marks() {
    return this.#raw.marks;
  }
  get process() {
    return this.#batch.process(this.#raw.process);
  }
  get target() {
    return this.#batch.process(this.#raw.target);
  }
  get a() {
    return this.#raw.a;
  }
  get b() {
    return this.#raw.b;
  }
  get c() {
    return this.#raw.c;
  }
  get text() {
    return this.#batch.span(this.#raw.text);
  }
  get text2() {
    return this.#batch.span(this.#raw.text2);
  }

  attr(key) {
    return this.#batch.attr(this.#raw.attrs, key)?.value ?? null;
  }

  attrText(key) {
    const found = this.#batch.attr(this.#raw.attrs, key);
    return found ? this.#batch.span(found.text) : NOTHING;
  }

  attrTexts(key) {
    return this.#batch.texts(this.#raw.attrs, key);
  }
}
