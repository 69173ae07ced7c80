// Telling the story.

import { isDeepStrictEqual } from 'node:util';
import { NOTHING, of } from '../bytes.js';
import { imageClass, kind, processMark, streamKind, streamMark } from '../catalogue.js';
import { detect, start } from '../guest.js';
import { compare } from './component.js';
import { Lists } from './lists.js';
import * as host from './services.js';
import { batchOf } from './tables.js';

/** ns between two events of a story. */
const STEP = 1_000_000n;
/** Step of the time that services see, ns: no batch spans two. */
const CLOCK_STEP = 100_000_000n;
/** Numbers of timers' events begin here, as in the agent. */
const TIMERS = 0xfffen << 48n;
/** AF_INET and SOCK_STREAM as an event carries them. */
const TCP = 2n | (1n << 16n);

const NAMESPACES =
  processMark.HOST_MOUNT_NAMESPACE |
  processMark.HOST_PID_NAMESPACE |
  processMark.HOST_NETWORK_NAMESPACE |
  processMark.HOST_USER_NAMESPACE;

/** Marks that a new image does not inherit from the one before. */
const IMAGE_MARKS =
  processMark.EXISTING |
  processMark.JOINING |
  processMark.MEMFD_IMAGE |
  processMark.DELETED_IMAGE |
  processMark.WRITTEN_IMAGE |
  processMark.FOREIGN_IMAGE;

const NOBODY = {
  key: 0n,
  parent: null,
  container: 0n,
  containerMarks: 0,
  containerAttrs: [],
  pid: 0,
  uid: 0,
  gid: 0,
  marks: NAMESPACES,
  image: imageClass.OTHER,
  start: 0n,
  capabilities: 0n,
  inode: 0n,
  exe: NOTHING,
  args: NOTHING,
  cwd: NOTHING,
  comm: NOTHING,
  fds: new Map(),
};

/** What a test does not say of a file, an ELF file, a socket that it speaks of. */
const FACTS = { size: 0n, mode: 0, uid: 0, gid: 0, links: 0, device: 0n, inode: 0n, modified: 0n };
const ELF = {
  machine: 0,
  form: 0,
  bits: 0,
  marks: 0,
  interpreter: '',
  needed: [],
  sections: [],
  buildId: NOTHING,
  entropy: 0,
};
const SOCKET = {
  fd: 0,
  kind: streamKind.INET,
  marks: 0,
  family: 0,
  inode: 0n,
  local: NOTHING,
  remote: NOTHING,
  localPort: 0,
  remotePort: 0,
};

/** A process of the story. */
export class Actor {
  constructor(index) {
    this.index = index;
  }

  get key() {
    return 0x1000n + BigInt(this.index);
  }

  get pid() {
    return 100 + this.index;
  }
}

/** An image to execute: a file that is neither shell nor interpreter, unless it is said. */
export class Exec {
  constructor(exe, ...args) {
    this.exe = of(exe);
    this.args = args.length > 0 ? joined(args.map(of)) : this.exe;
    this.image = imageClass.OTHER;
    this.marks = 0;
  }

  shell() {
    return this.ofClass(imageClass.SHELL);
  }

  interpreter() {
    return this.ofClass(imageClass.INTERPRETER);
  }

  ofClass(image) {
    this.image = image;
    return this;
  }

  marked(marks) {
    this.marks |= marks;
    return this;
  }
}

function joined(args) {
  const bytes = [];
  args.forEach((arg, n) => {
    if (n > 0) bytes.push(0);
    bytes.push(...arg);
  });
  return Uint8Array.from(bytes);
}

/** What to put behind a descriptor. */
export class Fd {
  constructor(of_, id, { other = 0n, marks = 0, port = 0, address = NOTHING } = {}) {
    Object.assign(this, { kind: of_, id: BigInt(id), other, marks, port, address });
  }

  static file(inode) {
    return new Fd(streamKind.FILE, inode, { other: 1n });
  }

  static null() {
    return new Fd(streamKind.DEVICE, 4, { other: 5n, marks: streamMark.NULL });
  }

  static pipeRead(inode) {
    return new Fd(streamKind.PIPE, inode, { marks: streamMark.READABLE });
  }

  static pipeWrite(inode) {
    return new Fd(streamKind.PIPE, inode, { marks: streamMark.WRITABLE });
  }

  static fifoRead(inode) {
    return new Fd(streamKind.FIFO, inode, { other: 1n, marks: streamMark.READABLE });
  }

  static fifoWrite(inode) {
    return new Fd(streamKind.FIFO, inode, { other: 1n, marks: streamMark.WRITABLE });
  }

  static terminal(index) {
    return new Fd(streamKind.TERMINAL, 24, { port: index });
  }

  static master(index) {
    return new Fd(streamKind.TERMINAL_MASTER, 24, { port: index });
  }

  static inet(inode) {
    return new Fd(streamKind.INET, inode);
  }

  static unix(inode, peer) {
    return new Fd(streamKind.UNIX, inode, { other: BigInt(peer) });
  }

  outbound(address, port) {
    return new Fd(this.kind, this.id, { ...this, address, port, marks: this.marks | streamMark.OUTBOUND });
  }

  accepted(address, port) {
    return new Fd(this.kind, this.id, { ...this, address, port, marks: this.marks | streamMark.ACCEPTED });
  }
}

/** A story, and what a plugin finds in it. */
export class Scene {
  #given = new host.Given();
  #rows = [];
  #told = [];
  #now = 1_000_000_000n;

  process(exec) {
    return this.#add(null, exec);
  }

  child(parent, exec) {
    return this.#add(parent, exec);
  }

  change(actor, fields) {
    this.#rows[actor.index] = { ...this.#rows[actor.index], ...fields };
  }

  contain(actor, container) {
    this.change(actor, { container: BigInt(container) });
  }

  /** What is known of the container that a process is in, for it and what it will fork. */
  describe(actor, marks, attrs = []) {
    this.change(actor, { containerMarks: marks, containerAttrs: attrs });
  }

  setFd(actor, fd, what) {
    this.change(actor, { fds: new Map([...this.#rows[actor.index].fds, [fd, what]]) });
  }

  wait(seconds) {
    for (let second = 1; second <= seconds; second += 1) this.tick();
    this.#now += BigInt(Math.round((seconds % 1) * 1e9));
  }

  /** An event of any kind: the slots of `record event`, whose meaning docs/events.md gives. */
  tell(actor, act) {
    return this.#push(this.#rows[actor.index], act);
  }

  /** An event that no process did. */
  tellAlone(act) {
    return this.#push(null, act);
  }

  #push(process, act) {
    this.#now += STEP;
    const told = {
      act: { ret: 0, marks: 0, a: 0n, b: 0n, c: 0n, text: NOTHING, text2: NOTHING, attrs: [], ...act },
      id: BigInt(this.#told.length + 1),
      at: this.#now,
      process,
      target: act.target ? this.#rows[act.target.index] : null,
      rows: [...this.#rows],
    };
    this.#told.push(told);
    return told.id;
  }

  existing(actor) {
    const row = this.#rows[actor.index];
    this.change(actor, { marks: row.marks | processMark.EXISTING });
    return this.tell(actor, { kind: kind.EXISTING, text: row.exe });
  }

  fork(parent) {
    const child = new Actor(this.#rows.length);
    const row = this.#rows[parent.index];
    const marks = row.marks & ~processMark.EXISTING;
    this.#rows.push({ ...row, key: child.key, pid: child.pid, start: this.#now, marks, parent: row });
    this.tell(parent, { kind: kind.FORK, target: child });
    return child;
  }

  exec(actor, exec) {
    this.#rows[actor.index] = executed(this.#rows[actor.index], exec);
    return this.tell(actor, { kind: kind.EXEC, text: exec.exe, text2: exec.exe });
  }

  exit(actor) {
    this.change(actor, { marks: this.#rows[actor.index].marks | processMark.EXITED });
    return this.tell(actor, { kind: kind.EXIT });
  }

  open(actor, path, { flags = 0, marks = 0 } = {}) {
    return this.tell(actor, { kind: kind.OPEN, text: of(path), a: BigInt(flags) | (BigInt(marks) << 32n) });
  }

  connect(actor, address, port, { socket = 77n, ret = 0 } = {}) {
    const a = BigInt(port) | (TCP << 32n);
    return this.tell(actor, { kind: kind.CONNECT, ret, a, b: socket, c: socket << 8n, text: Uint8Array.from(address) });
  }

  dup(actor, fd, what) {
    this.setFd(actor, fd, what);
    return this.tell(actor, {
      kind: kind.DUP,
      a: BigInt(fd) | (BigInt(what.kind) << 32n),
      b: what.id,
      c: BigInt(what.marks) | (BigInt(what.port) << 32n),
      text: what.address,
    });
  }

  pipe(actor, inode) {
    return this.tell(actor, { kind: kind.PIPE, a: BigInt(inode), b: 3n | (4n << 32n) });
  }

  terminal(actor, index) {
    return this.tell(actor, { kind: kind.TERMINAL, a: BigInt(index), b: 24n });
  }

  socketpair(actor, first, second) {
    return this.tell(actor, { kind: kind.SOCKETPAIR, a: BigInt(first), b: BigInt(second) });
  }

  tick() {
    this.#now += 1_000_000_000n - STEP;
    return this.tellAlone({ kind: kind.TICK });
  }

  /** Gives the plugin a list of the operator's, with one entry a line as in a file of `--intel`. */
  list(name, lines) {
    this.#given.lists ??= new Lists();
    this.#given.lists.add(name, lines);
  }

  /** Says what the plugin is told of the file at this path, or why it is told nothing. */
  file(path, { facts, sha256, content, elf, failure } = {}) {
    const file = { sha256, content: content && of(content), failure };
    if (facts) file.facts = { ...FACTS, ...facts };
    if (elf) file.elf = { ...ELF, ...elf };
    this.#given.files.set(path, file);
  }

  /** Says which sockets a process has open. */
  sockets(actor, sockets) {
    this.#given.sockets.set(actor.key, sockets.map((socket) => ({ ...SOCKET, ...socket })));
  }

  /** Bytes that the plugin may keep in `state`. */
  stateLimit(bytes) {
    this.#given.state = bytes;
  }

  /** What a plugin finds in the story. It is run with batches of 1, of 7 and of all events, and
   * must find the same; so it must in the agent's sandbox, where `VEDETTE_COMPONENT` names the
   * plugin's component (`vedette plugin test --unit` does). */
  findings(Declared, config = {}) {
    const [one, ...others] = [1, 7, Math.max(this.#told.length, 1)].map((size) => {
      host.reset(this.#given);
      return this.#run(start(Declared, JSON.stringify(config)), size);
    });
    if (!others.every((other) => isDeepStrictEqual(one, other))) {
      throw new Error('the size of the batches changes the findings');
    }
    compare(this.#told, this.#given, JSON.stringify(config), one);
    return one;
  }

  /** What a plugin finds when it is reloaded, its memory handed over, after every event. */
  findingsReloaded(Declared, config = {}) {
    host.reset(this.#given);
    const fresh = () => start(Declared, JSON.stringify(config));
    let plugin = fresh();
    const found = [];
    for (const told of this.#told) {
      found.push(...this.#call(plugin, [told]));
      const saved = plugin.save();
      plugin = fresh();
      plugin.restore(Declared.SCHEMA, saved);
    }
    return found;
  }

  #run(plugin, size) {
    const found = [];
    let batch = [];
    for (const told of this.#told) {
      // No batch spans two steps of the clock, and timers come before what follows them.
      if (batch.length === size || (batch.length > 0 && stepOf(batch[0]) !== stepOf(told))) {
        found.push(...this.#call(plugin, batch));
        batch = [];
      }
      batch.push(told);
    }
    found.push(...this.#call(plugin, batch));
    return found;
  }

  #call(plugin, batch) {
    if (batch.length === 0) return [];
    host.passTime(stepOf(batch[0]));
    host.judge(batch);
    const due = [...host.seen.timers].filter(([, at]) => at <= host.seen.now);
    due.sort(([a, one], [b, other]) => (one < other || (one === other && a < b) ? -1 : 1));
    const found = [];
    for (const [token, at] of due) {
      host.seen.timers.delete(token);
      host.seen.fired += 1n;
      const act = { kind: kind.TIMER, ret: 0, marks: 0, a: token, b: at, c: 0n, text: NOTHING, text2: NOTHING, attrs: [] };
      const id = TIMERS | host.seen.fired;
      const told = { act, id, at: host.seen.now, process: null, target: null, rows: batch[0].rows };
      host.judge([told], { also: true });
      found.push(...detect(plugin, batchOf([told])));
    }
    found.push(...detect(plugin, batchOf(batch)));
    return found;
  }

  #add(parent, exec) {
    const actor = new Actor(this.#rows.length);
    const above = parent ? this.#rows[parent.index] : null;
    const row = { ...(above ?? NOBODY), parent: above, key: actor.key, pid: actor.pid, start: this.#now };
    this.#rows.push(executed(row, exec));
    return actor;
  }
}

function executed(row, exec) {
  const marks = (row.marks & ~IMAGE_MARKS) | exec.marks;
  return { ...row, exe: exec.exe, args: exec.args, image: exec.image, marks };
}

function stepOf(told) {
  return (told.at / CLOCK_STEP) * CLOCK_STEP;
}
