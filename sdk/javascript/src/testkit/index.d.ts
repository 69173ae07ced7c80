// Types of the test kit.

import type { Config, ElfFacts, Facts, Plugin, Severity, Socket } from '../index.js';

/** A process of the story. */
export declare class Actor {
  private constructor();
  /** The stable key of its rows. */
  get key(): bigint;
  get pid(): number;
}

/** An image to execute: a file that is neither shell nor interpreter, unless it is said. */
export declare class Exec {
  constructor(exe: string | Uint8Array, ...args: (string | Uint8Array)[]);
  shell(): this;
  interpreter(): this;
  /** It is of this class of `imageClass`. */
  ofClass(image: number): this;
  /** Its row has these bits of `processMark` too. */
  marked(marks: number): this;
}

/** What to put behind a descriptor. */
export declare class Fd {
  private constructor();
  static file(inode: number | bigint): Fd;
  static null(): Fd;
  static pipeRead(inode: number | bigint): Fd;
  static pipeWrite(inode: number | bigint): Fd;
  static fifoRead(inode: number | bigint): Fd;
  static fifoWrite(inode: number | bigint): Fd;
  static terminal(index: number): Fd;
  static master(index: number): Fd;
  static inet(inode: number | bigint): Fd;
  static unix(inode: number | bigint, peer: number | bigint): Fd;
  outbound(address: Uint8Array, port: number): Fd;
  accepted(address: Uint8Array, port: number): Fd;
}

/** An attribute: key, value, text. */
export type Attr = [number, bigint, Uint8Array?];

/** An event of any kind: the slots of `record event`, whose meaning docs/events.md gives. */
export interface Act {
  kind: number;
  ret?: number;
  marks?: number;
  target?: Actor;
  a?: bigint;
  b?: bigint;
  c?: bigint;
  text?: Uint8Array;
  text2?: Uint8Array;
  attrs?: Attr[];
}

/** What goes to the host. */
export interface RawFinding {
  rule: string;
  severity: Severity;
  confidence: number;
  process: bigint;
  container: bigint;
  message: string;
  evidence: { event: bigint; note: string }[];
  dedup: string;
  proposals: { action: number; target: bigint; event: bigint }[];
  details: { key: number; value: bigint; text: string }[];
}

/** What a test says of a file. What it does not say is not known. */
export interface File {
  facts?: Partial<Facts>;
  sha256?: Uint8Array;
  content?: string | Uint8Array;
  elf?: Partial<ElfFacts>;
  /** One of `failure`. */
  failure?: number;
}

/** A story, and what a plugin finds in it. */
export declare class Scene {
  /** A process that is there without any event having told so. */
  process(exec: Exec): Actor;
  /** A child that is there without any event having told so. */
  child(parent: Actor, exec: Exec): Actor;
  /** Changes fields of a process's row: `{ uid: 0 }`. */
  change(actor: Actor, fields: Record<string, unknown>): void;
  /** Puts a process, and what it will fork, into the container with this key. */
  contain(actor: Actor, container: number | bigint): void;
  /** Says what is known of the container that a process is in, for it and what it will fork: bits of
   * `containerMark`, and attributes of the catalogue's kind `container`: key, value, text. */
  describe(actor: Actor, marks: number, attrs?: Attr[]): void;
  /** Puts something behind a standard descriptor without an event. */
  setFd(actor: Actor, fd: number, what: Fd): void;
  /** So many seconds pass: timers that are due by then are told. */
  wait(seconds: number): void;
  /** Each of these tells an event; they return its id. */
  tell(actor: Actor, act: Act): bigint;
  /** Of one that no process did. */
  tellAlone(act: Act): bigint;
  existing(actor: Actor): bigint;
  exec(actor: Actor, exec: Exec): bigint;
  exit(actor: Actor): bigint;
  open(actor: Actor, path: string | Uint8Array, how?: { flags?: number; marks?: number }): bigint;
  connect(actor: Actor, address: Iterable<number>, port: number, how?: { socket?: bigint; ret?: number }): bigint;
  dup(actor: Actor, fd: number, what: Fd): bigint;
  pipe(actor: Actor, inode: number | bigint): bigint;
  terminal(actor: Actor, index: number): bigint;
  socketpair(actor: Actor, first: number | bigint, second: number | bigint): bigint;
  /** A second passes. */
  tick(): bigint;
  /** A process makes a child. */
  fork(parent: Actor): Actor;
  /** Gives the plugin a list of the operator's, with one entry a line as in a file of `--intel`:
   * `192.0.2.0/24 what is said of it`, a domain, or a SHA-256. */
  list(name: string, lines: string): void;
  /** Says what the plugin is told of the file at this path, whatever event it is asked about, or for
   * which reason of `failure` every question about it fails. Of other files nothing is known. */
  file(path: string | Uint8Array, file: File): void;
  /** Says which sockets a process has open. Of other processes nothing is known. */
  sockets(actor: Actor, sockets: Partial<Socket>[]): void;
  /** Bytes that the plugin may keep in `state`, where its manifest asks for another number than
   * 4 MiB. */
  stateLimit(bytes: number): void;
  /** What a plugin finds in the story. It is run with batches of 1, of 7 and of all events, and must
   * find the same. */
  findings(plugin: new () => Plugin, config?: Config): RawFinding[];
  /** What a plugin finds when it is reloaded, its memory handed over, after every event. */
  findingsReloaded(plugin: new () => Plugin, config?: Config): RawFinding[];
}

interface ByBytes<V> {
  get(key: string | Uint8Array): V | undefined;
  set(key: string | Uint8Array, value: V): this;
  readonly size: number;
}

/** What the plugin gave to the host's services. */
export declare const seen: {
  /** Lines that were logged: `info: text`. */
  log: string[];
  counters: Map<string, bigint>;
  gauges: Map<string, bigint>;
  /** A counter is its 8 bytes, the lowest first. */
  state: ByBytes<{ value: Uint8Array; ends: bigint; isCounter: boolean }>;
  timers: Map<bigint, bigint>;
  /** How many timers were told. */
  fired: bigint;
};

/** Forgets everything, as for a plugin that was never loaded before. */
export declare function reset(): void;
