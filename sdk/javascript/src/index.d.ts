// Types of the SDK, by hand but for `catalogue.d.ts`.

import type { Event } from './catalogue.js';

export * from './catalogue.js';

/** Bytes as the kernel gives them: most often UTF-8, never sure to be. Text that they are compared
 * with is taken as UTF-8. */
export declare namespace bytes {
  const NOTHING: Uint8Array;
  function of(text: string | Uint8Array): Uint8Array;
  /** For people: what is not UTF-8 becomes a replacement character. */
  function text(bytes: Uint8Array): string;
  function equal(bytes: Uint8Array, other: string | Uint8Array): boolean;
  function startsWith(bytes: Uint8Array, other: string | Uint8Array): boolean;
  function endsWith(bytes: Uint8Array, other: string | Uint8Array): boolean;
  function includes(bytes: Uint8Array, other: string | Uint8Array): boolean;
  function hex(bytes: Uint8Array): string;
}

/** Command lines. */
export declare namespace cmdline {
  /** The arguments of a command line in which a NUL stands between them. */
  function split(commandLine: Uint8Array): Uint8Array[];
  /** What follows the last slash of a path. */
  function baseName(path: Uint8Array): Uint8Array;
  /** The arguments of the applet that these arguments call, its own name first. */
  function applet(args: Uint8Array[]): Uint8Array[];
  /** Whether a file of many applets that is called with these arguments is a shell. */
  function isShellApplet(args: Uint8Array[]): boolean;
}

/** Internet addresses. */
export declare namespace net {
  /** The address in 4 or 16 bytes as people write it, null for others. An IPv4 address inside IPv6
   * comes out as IPv4. */
  function ip(address: Uint8Array): string | null;
  /** Whether it is in a range that is not routed on the public internet. */
  function isPrivate(address: Uint8Array): boolean;
  /** `address:port` as people write it, or the path of a unix socket. */
  function endpoint(address: Uint8Array, port: number): string;
}

/** What every event has, whatever its kind. */
export declare class Slots {
  /** Number of its kind: one of `kind`. */
  get kind(): number;
  /** Unique for one run of the sensor. This is what evidence refers to. */
  get id(): bigint;
  /** When it happened, ns since boot. */
  get at(): bigint;
  /** What the system call returned: a value or a negative errno. */
  get ret(): number;
  /** Whether the system call did what it was asked to. */
  get succeeded(): boolean;
  /** Thread that acted. */
  get tid(): number;
  /** Bits of `eventMark`. */
  get marks(): number;
  /** The process that acted, as it was at that moment. Null for ticks and losses. */
  get process(): Process | null;
  /** The process that was acted upon. */
  get target(): Process | null;
  get a(): bigint;
  get b(): bigint;
  get c(): bigint;
  get text(): Uint8Array;
  get text2(): Uint8Array;
  /** Value of the attribute with this key. */
  attr(key: number): bigint | null;
  /** Text of the attribute with this key, empty where there is none. */
  attrText(key: number): Uint8Array;
  /** Texts of all attributes with this key. */
  attrTexts(key: number): Uint8Array[];
}

/** What the views of all kinds have. */
export declare class View {
  readonly event: Event;
  /** The process that acted. */
  get process(): Process | null;
}

/** What an execution has beyond its fields. */
export declare class ExecView extends View {
  /** The arguments of the new image, the name that it was called by first. */
  get argv(): Uint8Array[];
}

/** A process as it was at the moment of the event that refers to it. Two are the same process if
 * their keys are. */
export declare class Process {
  private constructor();
  /** Stable for the life of the process: the same in every batch. */
  get key(): bigint;
  /** In the initial pid namespace. */
  get pid(): number;
  /** Its parent as it was when this process began. */
  get parent(): Process | null;
  /** The process itself and its ancestors, nearest first. */
  lineage(): Generator<Process>;
  /** Its ancestors, nearest first. */
  ancestors(): Generator<Process>;
  /** The nearest ancestor for which this holds. */
  ancestor(matches: (process: Process) => boolean): Process | null;
  /** Whether a process with this key is among its ancestors. */
  descendsFrom(key: bigint): boolean;
  /** The container that it is in. */
  get container(): ProcessContainer | null;
  /** Whether both are in one container, or both in none. */
  sharesContainer(other: Process): boolean;
  /** Real user id. */
  get uid(): number;
  /** Real group id. */
  get gid(): number;
  /** Bits of `processMark`. */
  get marks(): number;
  /** Whether any of these bits of `processMark` is set. */
  has(marks: number): boolean;
  /** Whether its image was executed outside of the container that it is in: a runtime that is
   * setting the container up. */
  get isJoining(): boolean;
  /** Whether it is in the mount namespace of the machine's init. */
  get inHostMounts(): boolean;
  /** Whether it is in the pid namespace of the machine's init. */
  get inHostPids(): boolean;
  /** What the executed file is by its content: one of `imageClass`. */
  get image(): number;
  /** Whether it is a shell by the content of its file; of a file with many applets, by the applet
   * that it was called as. */
  get isShell(): boolean;
  /** Whether it is the runtime of a scripting language. */
  get isInterpreter(): boolean;
  /** Start of the process, ns since boot. */
  get start(): bigint;
  /** Effective capabilities. */
  get capabilities(): bigint;
  /** Inode and device of the executed file. */
  get imageFile(): [bigint, bigint];
  /** Path of the executed file in the process's own root. */
  get exe(): Uint8Array;
  /** The command line: a NUL between arguments. */
  get commandLine(): Uint8Array;
  /** The arguments, the name that it was called by first. */
  get args(): Uint8Array[];
  /** Length of the whole command line in bytes; `args` may hold less. */
  get argsLen(): number;
  /** Working directory. */
  get cwd(): Uint8Array;
  /** Command name, which a process can set itself: for display only. */
  get comm(): Uint8Array;
  /** Standard input, output and error, those that are open. */
  get streams(): Stream[];
  /** The stream behind this descriptor. */
  stream(fd: number): Stream | null;
  get stdin(): Stream | null;
  get stdout(): Stream | null;
  get stderr(): Stream | null;
  /** Value of the attribute with this key. */
  attr(key: number): bigint | null;
}

/** The container of a process. */
export interface ProcessContainer {
  /** Stable for the life of the container: the same in every batch. */
  readonly key: bigint;
  /** The runtime's id, name and image of it; empty while they are not known. */
  readonly id: Uint8Array;
  readonly name: Uint8Array;
  readonly image: Uint8Array;
  /** Its pod, and that one's namespace and uid; empty where there is none. */
  readonly pod: Uint8Array;
  readonly namespace: Uint8Array;
  readonly podUid: Uint8Array;
  /** Id of the container that it was made in; empty where it was made in none. */
  readonly outer: Uint8Array;
  /** Bits of `containerMark`. */
  readonly marks: number;
  /** Whether it was started with every capability. */
  readonly isPrivileged: boolean;
  /** Digest of its image; empty while it is not known. */
  readonly digest: Uint8Array;
  /** Its labels, `KEY=VALUE` each. */
  readonly labels: Uint8Array[];
  /** Value of the label with this key. */
  label(key: string): Uint8Array | null;
  /** What of the machine is mounted into it, `SOURCE:DESTINATION:OPTIONS` each. */
  readonly mounts: Uint8Array[];
  /** Its bounding set of capabilities, once that is known. */
  readonly capabilities: bigint | null;
}

/** What a standard descriptor of a process is. */
export declare class Stream {
  private constructor();
  get fd(): number;
  /** One of `streamKind`. */
  get kind(): number;
  /** Bits of `streamMark`. */
  get marks(): number;
  /** Whether any of these bits of `streamMark` is set. */
  has(marks: number): boolean;
  /** Inode of the pipe, fifo, socket or file; device of the terminal's devpts. */
  get id(): bigint;
  /** Inode of the peer of a unix socket; device of a fifo or a file. */
  get other(): bigint;
  /** Remote port of a socket, index of a terminal. */
  get port(): number;
  /** Remote address (4 or 16 bytes), path of a unix socket or file, or empty. */
  get address(): Uint8Array;
  /** Remote address of an internet socket. */
  get ip(): string | null;
  /** Whether it is an internet connection that this side made. */
  get isOutbound(): boolean;
  /** Whether it is an internet connection that this side accepted. */
  get isAccepted(): boolean;
  /** The object behind it, the same for everybody who shares it. */
  get object(): string | null;
}

/** How bad it would be. */
export declare const Severity: {
  readonly INFO: 'info';
  readonly LOW: 'low';
  readonly MEDIUM: 'medium';
  readonly HIGH: 'high';
  readonly CRITICAL: 'critical';
};
export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical';

/** A finding that is being filled in. Each method returns the finding itself. */
export declare class Finding {
  private constructor();
  /** How sure the plugin is, in percent; 100 if it is not said. */
  confidence(percent: number): this;
  /** The process that it is about, or the key of one of an earlier batch. */
  process(subject: Process | bigint): this;
  /** The container that it is about, where that is not the process's. */
  container(subject: ProcessContainer | bigint): this;
  /** One sentence on this very case. */
  message(message: string): this;
  /** An event that supports it, or its id, and what that event shows. */
  evidence(event: Event | bigint, note?: string): this;
  /** Findings of one rule with the same key are one finding. */
  dedup(key: string): this;
  /** An ATT&CK technique of this very case: one that the rule declares, or a part of it. */
  technique(technique: string): this;
  /** Something that people who read it want to know. */
  note(key: string, value: string): this;
  /** Thinks that this process should be killed. */
  proposeKill(target: Process | bigint): this;
  /** Thinks that this action of `action` is right, on this process or container, or on what this
   * event is about. */
  propose(
    what: number,
    on?: { target?: Process | ProcessContainer | bigint; event?: Event | bigint },
  ): this;
}

/** The findings of one batch. */
export declare class Findings {
  private constructor();
  /** Raises a finding of this rule of the manifest. What is known of the case is added to what
   * this returns. */
  raise(rule: string, severity: Severity): Finding;
  get length(): number;
}

/** The configuration that the operator gave to the plugin, over the manifest's defaults. */
export type Config = Record<string, any>;

/** Thrown in `init` or `restore`: the plugin does not start, or on a reload the older one stays in
 * service. */
export declare class Refused extends Error {
  constructor(reason: string);
}

/** A detection: the default export of a plugin's module is a class that extends it. */
export declare abstract class Plugin {
  /** Number of the form of its snapshot: with it, what the plugin remembers is handed to its next
   * version on a reload. */
  static readonly SCHEMA?: number;
  /** Called once, before the first event. */
  init(config: Config): void;
  /** Called for each event that a subscription of the manifest matches, in order. */
  abstract event(event: Event, findings: Findings): void;
  /** Everything that the next version should know: its fields, unless it is written anew. */
  save(): Uint8Array;
  /** Takes over what another version saved. Called after `init`. */
  restore(schema: number, data: Uint8Array): void;
}

/** A service gives no answer. */
export declare class Failure extends Error {
  /** Why: one of `failure`. */
  readonly number: number;
}

/** Lines in the agent's log, rate limited by the host. */
export declare const log: Record<'trace' | 'debug' | 'info' | 'warn' | 'error', (message: string) => void>;

/** Counters and gauges, shown by the agent under the plugin's id. */
export declare const metrics: {
  add(name: string, value?: number | bigint): void;
  set(name: string, value: number | bigint): void;
};

/** Keys and values that survive a trap and a reload. Writes take effect when the call returns.
 * Times are seconds of event time. */
export declare const state: {
  get(key: string | Uint8Array): Uint8Array | null;
  /** For good if `ttl` is not given. */
  set(key: string | Uint8Array, value: string | Uint8Array, ttl?: number): void;
  delete(key: string | Uint8Array): void;
  /** Adds to a counter that starts again at 0 when `window` has passed since its first addition;
   * returns the sum. */
  count(key: string | Uint8Array, add: number | bigint, window: number): bigint;
  /** Keys that begin with `prefix` and lie behind `after`, in the order of their bytes. */
  keys(prefix?: string | Uint8Array, after?: string | Uint8Array, most?: number): Uint8Array[];
};

/** A socket that a process has open. */
export interface Socket {
  readonly fd: number;
  /** One of `streamKind`. */
  readonly kind: number;
  /** Bits of `streamMark`. */
  readonly marks: number;
  /** AF_INET is 2, AF_INET6 10, AF_UNIX 1. */
  readonly family: number;
  readonly inode: bigint;
  /** 4 or 16 bytes, or the path of a unix socket. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
}

/** What the agent knows beyond a batch, as it was when an event of this batch happened. */
export declare const context: {
  process(event: Event | bigint, key: Process | bigint): Process | null;
  /** The living children of a process, oldest first. */
  children(event: Event | bigint, key: Process | bigint, most?: number): Process[];
  /** The living processes of a container, oldest first. */
  members(event: Event | bigint, container: ProcessContainer | bigint, most?: number): Process[];
  /** The sockets that a process has open when the agent looks, a moment after the event. */
  sockets(event: Event | bigint, key: Process | bigint): Socket[];
};

/** What the file system says of a file. */
export interface Facts {
  readonly size: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly device: bigint;
  readonly inode: bigint;
  /** Last change of the content, ns since 1970. */
  readonly modified: bigint;
}

/** What an ELF file says of itself. */
export interface ElfFacts {
  /** EM_… and ET_… of its header. */
  readonly machine: number;
  readonly form: number;
  /** 32 or 64. */
  readonly bits: number;
  /** Bits of `elfMark`. */
  readonly marks: number;
  readonly interpreter: string;
  readonly needed: string[];
  readonly sections: string[];
  readonly buildId: Uint8Array;
  /** Entropy of its loaded segments, thousandths of bits a byte. */
  readonly entropy: number;
}

/** Files that an event is about; `role` is one of `fileRole`. */
export declare const file: {
  stat(event: Event | bigint, role?: number): Facts;
  sha256(event: Event | bigint, role?: number): Uint8Array;
  /** Its first bytes, at most `length` and at most 64 KiB. */
  head(event: Event | bigint, role?: number, length?: number): Uint8Array;
  elf(event: Event | bigint, role?: number): ElfFacts;
};

/** An entry of a list that matches. */
export interface Hit {
  readonly list: string;
  readonly entry: string;
  readonly note: string;
}

/** Lists of addresses, domains and hashes that the operator supplies. */
export declare const intel: {
  address(value: Uint8Array): Hit[];
  domain(name: string | Uint8Array): Hit[];
  digest(value: Uint8Array): Hit[];
};

/** Events of kind `timer` in event time, for this plugin alone. */
export declare const timer: {
  set(token: number | bigint, after: number): void;
  clear(token: number | bigint): void;
};

/** A map that holds at most so many entries: adding one more evicts the oldest. */
export declare class BoundedMap<K, V> implements Iterable<[K, V]> {
  constructor(cap: number);
  get size(): number;
  readonly evicted: number;
  has(key: K): boolean;
  get(key: K): V | undefined;
  set(key: K, value: V): this;
  getOrInsertWith(key: K, make: () => V): V;
  /** Forgets a key and returns its value. */
  take(key: K): V | undefined;
  [Symbol.iterator](): Iterator<[K, V]>;
}

/** One time that it happened: when, the event, and what was given with it. */
export interface WindowHit<V> {
  readonly at: bigint;
  readonly event: bigint;
  readonly value: V;
}

/** For each key what happened within `length` seconds of event time, the latest `most` times of
 * it. At most `cap` keys: one more evicts the oldest. */
export declare class Windows<K, V = null> {
  constructor(of: { length: number; most: number; cap: number });
  /** It happened. Returns what lies within the window now, the oldest first. */
  add(key: K, event: Event, value?: V): WindowHit<V>[];
  /** Begins anew with a key: what was found need not be found again. */
  forget(key: K): void;
}

/** How many different values were given with hits of a window. */
export declare function distinct(hits: WindowHit<unknown>[]): number;

/** For each key how far it has come in a sequence of steps, numbered from 0, of which the last is
 * to follow the first within so many seconds. At most `cap` keys are on their way. */
export declare class Sequences<K> {
  constructor(of: { steps: number; within: number; cap: number });
  /** A step was made. Returns the ids of all steps' events when it was the last one; one that comes
   * out of turn counts for nothing. The first step made again begins anew, unless the sequence has
   * gone on from it. */
  step(key: K, step: number, event: Event): bigint[] | null;
}

/** Values put on processes, found again from their descendants. At most `cap` processes. */
export declare class Flags<V> {
  constructor(cap: number);
  put(process: Process | bigint, value: V): void;
  take(process: Process | bigint): V | null;
  /** The nearest of the process itself and its ancestors that has a value, of at most so many. */
  nearest(process: Process, most?: number): [Process, V] | null;
}

/** Plain values, arrays, plain objects, bigint, Uint8Array, Map, Set and the SDK's own
 * collections as bytes. */
export declare function pack(value: unknown): Uint8Array;
export declare function unpack(data: Uint8Array): any;
