// What stands behind a descriptor.

import { streamKind, streamMark } from './catalogue.js';
import * as net from './net.js';

/** What two processes can share and talk through, as text: the same for both ends of a pair. */
export function sharedObject(kind, id, other, port) {
  switch (kind) {
    case streamKind.PIPE:
      return `pipe ${id}`;
    case streamKind.FIFO:
      return `fifo ${id} ${other}`;
    case streamKind.TERMINAL:
    case streamKind.TERMINAL_MASTER:
      return `terminal ${id} ${port}`;
    case streamKind.INET:
      return `inet ${id}`;
    case streamKind.UNIX:
      return id < other ? `unix ${id} ${other}` : `unix ${other} ${id}`;
    default:
      return null;
  }
}

export class Stream {
  #batch;
  #raw;

  constructor(batch, raw) {
    this.#batch = batch;
    this.#raw = raw;
  }

  get fd() {
    return this.#raw.fd;
  }
  get kind() {
    return this.#raw.kind;
  }
  get marks() {
    return this.#raw.marks;
  }

  has(marks) {
    return (this.#raw.marks & marks) !== 0;
  }

  get id() {
    return this.#raw.id;
  }
  get other() {
    return this.#raw.other;
  }
  get port() {
    return this.#raw.port;
  }
  get address() {
    return this.#batch.span(this.#raw.address);
  }
  get ip() {
    return this.#raw.kind === streamKind.INET ? net.ip(this.address) : null;
  }
  get isOutbound() {
    return this.#raw.kind === streamKind.INET && this.has(streamMark.OUTBOUND);
  }
  get isAccepted() {
    return this.#raw.kind === streamKind.INET && this.has(streamMark.ACCEPTED);
  }
  get object() {
    return sharedObject(this.#raw.kind, this.#raw.id, this.#raw.other, this.#raw.port);
  }
}
