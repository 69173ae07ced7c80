// A process and its container, as they were at the moment of an event.

import * as bytes from './bytes.js';
import * as cmdline from './cmdline.js';
import { containerMark, imageClass, processMark } from './catalogue.js';
import { Stream } from './stream.js';

// Numbers of a container's attributes: those of the catalogue's kind `container`.
const DIGEST = 4;
const LABEL = 5;
const MOUNT = 6;
const CAPABILITIES = 8;
const POD_UID = 9;
const OUTER = 10;

export class Process {
  #batch;
  #raw;

  constructor(batch, raw) {
    this.#batch = batch;
    this.#raw = raw;
  }

  get key() {
    return this.#raw.key;
  }
  get pid() {
    return this.#raw.pid;
  }
  get parent() {
    return this.#batch.process(this.#raw.parent);
  }

  *lineage() {
    // The number of rows bounds a chain that bites its tail.
    let left = this.#batch.raw.processes.length;
    for (let process = this; process && left > 0; process = process.parent, left -= 1) {
      yield process;
    }
  }

  *ancestors() {
    const lineage = this.lineage();
    lineage.next();
    yield* lineage;
  }

  ancestor(matches) {
    for (const process of this.ancestors()) {
      if (matches(process)) return process;
    }
    return null;
  }

  descendsFrom(key) {
    return this.ancestor((process) => process.key === key) !== null;
  }

  get container() {
    const raw = this.#batch.raw.containers[this.#raw.container];
    return raw === undefined ? null : new Container(this.#batch, raw);
  }

  sharesContainer(other) {
    return this.container?.key === other.container?.key;
  }

  get uid() {
    return this.#raw.uid;
  }
  get gid() {
    return this.#raw.gid;
  }
  get marks() {
    return this.#raw.marks;
  }

  has(marks) {
    return (this.#raw.marks & marks) !== 0;
  }

  get isJoining() {
    return this.has(processMark.JOINING);
  }
  get inHostMounts() {
    return this.has(processMark.HOST_MOUNT_NAMESPACE);
  }
  get inHostPids() {
    return this.has(processMark.HOST_PID_NAMESPACE);
  }
  get image() {
    return this.#raw.image;
  }
  get isShell() {
    const { image } = this.#raw;
    if (image === imageClass.MULTICALL_SHELL) return cmdline.isShellApplet(this.args);
    return image === imageClass.SHELL;
  }
  get isInterpreter() {
    return this.#raw.image === imageClass.INTERPRETER;
  }
  get start() {
    return this.#raw.start;
  }
  get capabilities() {
    return this.#raw.capabilities;
  }
  get imageFile() {
    return [this.#raw.inode, this.#raw.device];
  }
  get exe() {
    return this.#batch.span(this.#raw.exe);
  }
  get commandLine() {
    return this.#batch.span(this.#raw.args);
  }
  get args() {
    return cmdline.split(this.commandLine);
  }
  get argsLen() {
    return this.#raw.argsLen;
  }
  get cwd() {
    return this.#batch.span(this.#raw.cwd);
  }
  get comm() {
    return this.#batch.span(this.#raw.comm);
  }
  get streams() {
    const { first, count } = this.#raw.streams;
    const rows = this.#batch.raw.streams.slice(first, first + count);
    return rows.map((raw) => new Stream(this.#batch, raw));
  }

  stream(fd) {
    return this.streams.find((stream) => stream.fd === fd) ?? null;
  }

  get stdin() {
    return this.stream(0);
  }
  get stdout() {
    return this.stream(1);
  }
  get stderr() {
    return this.stream(2);
  }

  attr(key) {
    return this.#batch.attr(this.#raw.attrs, key)?.value ?? null;
  }
}

export class Container {
  #batch;
  #raw;

  constructor(batch, raw) {
    this.#batch = batch;
    this.#raw = raw;
  }

  get key() {
    return this.#raw.key;
  }
  get id() {
    return this.#batch.span(this.#raw.id);
  }
  get name() {
    return this.#batch.span(this.#raw.name);
  }
  get image() {
    return this.#batch.span(this.#raw.image);
  }
  get pod() {
    return this.#batch.span(this.#raw.pod);
  }
  get namespace() {
    return this.#batch.span(this.#raw.namespace);
  }
  get marks() {
    return this.#raw.marks;
  }
  get isPrivileged() {
    return (this.#raw.marks & containerMark.PRIVILEGED) !== 0;
  }
  get digest() {
    return this.#texts(DIGEST)[0] ?? bytes.NOTHING;
  }
  get labels() {
    return this.#texts(LABEL);
  }

  label(key) {
    const begin = bytes.of(`${key}=`);
    const found = this.labels.find((label) => bytes.startsWith(label, begin));
    return found?.subarray(begin.length) ?? null;
  }

  get mounts() {
    return this.#texts(MOUNT);
  }
  get capabilities() {
    return this.#batch.attr(this.#raw.attrs, CAPABILITIES)?.value ?? null;
  }
  get podUid() {
    return this.#texts(POD_UID)[0] ?? bytes.NOTHING;
  }
  get outer() {
    return this.#texts(OUTER)[0] ?? bytes.NOTHING;
  }

  #texts(key) {
    return this.#batch.texts(this.#raw.attrs, key);
  }
}
