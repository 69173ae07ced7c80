// From rows of the moment to the tables of a batch.

import { NOTHING, of } from '../bytes.js';

const NONE = 0xffffffff;
const EMPTY = { start: 0, len: 0 };

class Tables {
  constructor() {
    this.batch = { streams: [], processes: [], containers: [], events: [], attrs: [] };
    this.arena = [];
    this.rows = new Map();
    this.containers = new Map();
  }

  text(bytes) {
    const start = this.arena.length;
    for (const byte of bytes) this.arena.push(byte);
    return { start, len: bytes.length };
  }

  done() {
    return { ...this.batch, text: Uint8Array.from(this.arena) };
  }

  event({ act, id, at, process, target }) {
    this.batch.events.push({
      kind: act.kind,
      process: process ? this.process(process) : NONE,
      target: target ? this.process(target) : NONE,
      tid: process?.pid ?? 0,
      ret: act.ret,
      marks: act.marks,
      at,
      id,
      a: act.a,
      b: act.b,
      c: act.c,
      text: this.text(act.text),
      text2: this.text(act.text2),
      attrs: this.attrs(act.attrs),
    });
  }

  attrs(attrs) {
    const first = this.batch.attrs.length;
    for (const [key, value, text] of attrs) {
      this.batch.attrs.push({ key, value, text: this.text(text ?? NOTHING) });
    }
    return { first, count: attrs.length };
  }

  process(row) {
    const known = this.rows.get(row);
    if (known !== undefined) return known;
    return this.add(row, row.parent ? this.process(row.parent) : NONE);
  }

  add(row, parent) {
    const first = this.batch.streams.length;
    const fds = [...row.fds].sort(([one], [other]) => one - other);
    for (const [fd, what] of fds) {
      this.batch.streams.push({ ...what, fd, address: this.text(what.address) });
    }
    const index = this.batch.processes.length;
    this.batch.processes.push({
      key: row.key,
      parent,
      container: this.container(row),
      pid: row.pid,
      uid: row.uid,
      gid: row.gid,
      marks: row.marks,
      image: row.image,
      argsLen: row.args.length,
      start: row.start,
      capabilities: row.capabilities,
      inode: row.inode,
      device: 1n,
      exe: this.text(row.exe),
      args: this.text(row.args),
      cwd: this.text(row.cwd),
      comm: this.text(row.comm),
      streams: { first, count: fds.length },
      attrs: { first: 0, count: 0 },
    });
    this.rows.set(row, index);
    return index;
  }

  container({ container: key, containerMarks: marks, containerAttrs }) {
    if (key === 0n) return NONE;
    const described = [key, marks, ...containerAttrs.flat()].join(' ');
    const known = this.containers.get(described);
    if (known !== undefined) return known;
    const attrs = this.attrs(containerAttrs);
    const index = this.batch.containers.length;
    this.batch.containers.push({
      key,
      id: this.text(of(key.toString(16).padStart(64, '0'))),
      name: EMPTY,
      image: EMPTY,
      pod: EMPTY,
      namespace: EMPTY,
      marks,
      attrs,
    });
    this.containers.set(described, index);
    return index;
  }
}

/** One batch of these events. */
export function batchOf(told) {
  const tables = new Tables();
  told.forEach((event) => tables.event(event));
  return tables.done();
}

/** A batch without events, these rows first: their parents come behind them. */
export function batchOfRows(rows) {
  const tables = new Tables();
  rows.forEach((row) => tables.add(row, NONE));
  rows.forEach((row, index) => {
    if (row.parent) tables.batch.processes[index].parent = tables.process(row.parent);
  });
  return tables.done();
}
