// Written from wit/events.toml by `make docs`: change it there.

import { Slots } from './slots.js';
import { ExecView, View } from './view.js';

export const kind = Object.freeze({
  EXEC: 1,
  FORK: 2,
  EXIT: 3,
  EXISTING: 4,
  CREDENTIALS: 5,
  SIGNAL: 6,
  OPEN: 16,
  RENAME: 17,
  UNLINK: 18,
  LINK: 19,
  SYMLINK: 20,
  CHMOD: 21,
  CHOWN: 22,
  XATTR: 23,
  FILE_FLAGS: 24,
  TRUNCATE: 25,
  MKNOD: 26,
  MKDIR: 27,
  LIBRARY: 28,
  SPLICE: 29,
  CONNECT: 32,
  ACCEPT: 33,
  BIND: 34,
  LISTEN: 35,
  SENT: 36,
  SOCKET: 37,
  SEND: 38,
  RECEIVED: 39,
  DNS: 40,
  TLS: 41,
  ICMP: 42,
  DISCONNECT: 43,
  DUP: 48,
  PIPE: 49,
  SOCKETPAIR: 50,
  TERMINAL: 51,
  PASSED: 52,
  SETNS: 64,
  UNSHARE: 65,
  MOUNT: 66,
  CGROUP_MOVE: 67,
  PTRACE: 80,
  PROCESS_MEMORY: 81,
  MEMFD: 82,
  MODULE: 83,
  BPF: 84,
  EXECUTABLE_MEMORY: 85,
  KEYCTL: 86,
  USERFAULTFD: 87,
  PERF_EVENT: 88,
  IO_URING: 89,
  CGROUP: 96,
  CONTAINER: 97,
  CGROUP_REMOVED: 98,
  TICK: 112,
  LOSS: 113,
  TIMER: 114,
  ANSWER: 115,
  INTEL: 116,
});

export const kindNames = new Map([
  [1, 'exec'],
  [2, 'fork'],
  [3, 'exit'],
  [4, 'existing'],
  [5, 'credentials'],
  [6, 'signal'],
  [16, 'open'],
  [17, 'rename'],
  [18, 'unlink'],
  [19, 'link'],
  [20, 'symlink'],
  [21, 'chmod'],
  [22, 'chown'],
  [23, 'xattr'],
  [24, 'file-flags'],
  [25, 'truncate'],
  [26, 'mknod'],
  [27, 'mkdir'],
  [28, 'library'],
  [29, 'splice'],
  [32, 'connect'],
  [33, 'accept'],
  [34, 'bind'],
  [35, 'listen'],
  [36, 'sent'],
  [37, 'socket'],
  [38, 'send'],
  [39, 'received'],
  [40, 'dns'],
  [41, 'tls'],
  [42, 'icmp'],
  [43, 'disconnect'],
  [48, 'dup'],
  [49, 'pipe'],
  [50, 'socketpair'],
  [51, 'terminal'],
  [52, 'passed'],
  [64, 'setns'],
  [65, 'unshare'],
  [66, 'mount'],
  [67, 'cgroup-move'],
  [80, 'ptrace'],
  [81, 'process-memory'],
  [82, 'memfd'],
  [83, 'module'],
  [84, 'bpf'],
  [85, 'executable-memory'],
  [86, 'keyctl'],
  [87, 'userfaultfd'],
  [88, 'perf-event'],
  [89, 'io-uring'],
  [96, 'cgroup'],
  [97, 'container'],
  [98, 'cgroup-removed'],
  [112, 'tick'],
  [113, 'loss'],
  [114, 'timer'],
  [115, 'answer'],
  [116, 'intel'],
]);

export const eventMark = Object.freeze({
  TRUNCATED: 0x1,
  LATE: 0x2,
  INCOMPLETE: 0x4,
  SYNTHETIC: 0x8,
  AS_GIVEN: 0x10,
  IO_URING: 0x20,
  COMPAT: 0x40,
});

export const processMark = Object.freeze({
  EXISTING: 0x1,
  INCOMPLETE: 0x2,
  JOINING: 0x4,
  EXITED: 0x8,
  MEMFD_IMAGE: 0x10,
  DELETED_IMAGE: 0x20,
  WRITTEN_IMAGE: 0x40,
  FOREIGN_IMAGE: 0x80,
  KERNEL_THREAD: 0x100,
  JOINING_INNER: 0x200,
  HOST_MOUNT_NAMESPACE: 0x10000,
  HOST_PID_NAMESPACE: 0x20000,
  HOST_NETWORK_NAMESPACE: 0x40000,
  HOST_USER_NAMESPACE: 0x80000,
});

export const imageClass = Object.freeze({
  UNKNOWN: 0x0,
  OTHER: 0x1,
  SHELL: 0x2,
  MULTICALL_SHELL: 0x3,
  INTERPRETER: 0x4,
});

export const containerMark = Object.freeze({
  PENDING: 0x1,
  PRIVILEGED: 0x2,
  HOST_PID: 0x4,
  HOST_NETWORK: 0x8,
  HOST_IPC: 0x10,
  HOST_USER: 0x20,
  SANDBOX: 0x40,
});

export const streamKind = Object.freeze({
  CLOSED: 0x0,
  FILE: 0x1,
  PIPE: 0x2,
  FIFO: 0x3,
  TERMINAL: 0x4,
  TERMINAL_MASTER: 0x5,
  INET: 0x6,
  UNIX: 0x7,
  DEVICE: 0x8,
  MEMFD: 0x9,
  SOCKET: 0xa,
  OTHER: 0xb,
});

export const streamMark = Object.freeze({
  OUTBOUND: 0x1,
  ACCEPTED: 0x2,
  LISTENING: 0x4,
  READABLE: 0x8,
  WRITABLE: 0x10,
  DATAGRAM: 0x20,
  NULL: 0x40,
});

export const passedHow = Object.freeze({
  MESSAGE: 0x0,
  FETCH: 0x1,
});

export const openMark = Object.freeze({
  FOREIGN_MOUNT: 0x1,
  OUTSIDE_MOUNT: 0x2,
  BLOCK_DEVICE: 0x4,
  CHARACTER_DEVICE: 0x8,
  PROCESS_MEMORY: 0x10,
  BY_HANDLE: 0x20,
  FIFO: 0x40,
  RUNNING_IMAGE: 0x80,
  CREATED: 0x100,
});

export const mountOperation = Object.freeze({
  MOUNT: 0x1,
  BIND: 0x2,
  REMOUNT: 0x3,
  PROPAGATION: 0x4,
  MOVE: 0x5,
  UMOUNT: 0x6,
  OPEN_TREE: 0x7,
  FSOPEN: 0x8,
  FSCONFIG: 0x9,
  FSMOUNT: 0xa,
  PIVOT_ROOT: 0xb,
  CHROOT: 0xc,
  SETATTR: 0xd,
  FSPICK: 0xe,
});

export const mountMark = Object.freeze({
  BLOCK_DEVICE: 0x1,
});

export const memoryAccess = Object.freeze({
  READ: 0x0,
  WRITE: 0x1,
});

export const lossCause = Object.freeze({
  SECURITY_RING_FULL: 0x1,
  BULK_RING_FULL: 0x2,
  FLOW_RING_FULL: 0x3,
  DECODE: 0x4,
  PLUGIN_QUEUE_FULL: 0x5,
  UNREADABLE: 0x6,
  QUOTA: 0x7,
  RATE_LIMIT: 0x8,
});

export const action = Object.freeze({
  KILL: 0x1,
});

export const findingDetail = Object.freeze({
  TECHNIQUE: 0x1,
  NOTE: 0x2,
});

export const failure = Object.freeze({
  QUOTA: 0x1,
  TOO_LARGE: 0x2,
  UNAVAILABLE: 0x3,
  NOT_FOUND: 0x4,
  CHANGED: 0x5,
  DENIED: 0x6,
  MALFORMED: 0x7,
  NOT_SENT: 0x8,
});

export const fileRole = Object.freeze({
  IMAGE: 0x1,
  PATH: 0x2,
  OTHER_PATH: 0x3,
  TARGET_IMAGE: 0x4,
});

export const indicator = Object.freeze({
  ADDRESS: 0x1,
  DOMAIN: 0x2,
  HASH: 0x3,
});

export const elfMark = Object.freeze({
  DYNAMIC: 0x1,
  POSITION_INDEPENDENT: 0x2,
  STRIPPED: 0x4,
  EXECUTABLE_STACK: 0x8,
  WRITABLE_CODE: 0x10,
  NO_SECTIONS: 0x20,
});

export const credentialsCause = Object.freeze({
  CALL: 0x1,
  IMAGE: 0x2,
  NAMESPACE: 0x3,
  UNEXPLAINED: 0x4,
});

export const signalResult = Object.freeze({
  DELIVERED: 0x0,
  IGNORED: 0x1,
  PENDING: 0x2,
  OVERFLOW: 0x3,
  LOST_INFORMATION: 0x4,
});

export const xattrOperation = Object.freeze({
  SET: 0x1,
  REMOVE: 0x2,
});

export const memoryMark = Object.freeze({
  ANONYMOUS: 0x1,
  WRITABLE: 0x2,
  WRITTEN: 0x4,
  STACK: 0x8,
  HEAP: 0x10,
  MAPPED: 0x20,
});

export const fileMark = Object.freeze({
  MEMFD: 0x1,
  DELETED: 0x2,
  WRITTEN: 0x4,
  FOREIGN_MOUNT: 0x8,
  WORLD_WRITABLE: 0x10,
  READ_ONLY: 0x20,
});

export class Exec extends ExecView {
  get path() {
    return this.event.text;
  }
  get filename() {
    return this.event.text2;
  }
  get inode() {
    return this.event.a;
  }
  get device() {
    return Number(this.event.b & 0xffffffffn);
  }
  get links() {
    return Number(this.event.b >> 32n);
  }
}

export class Fork extends View {
  get child() {
    return this.event.target;
  }
  get namespaces() {
    return Number(this.event.a & 0xffffffffn);
  }
}

export class Exit extends View {
  get code() {
    return Number(this.event.a & 0xffffffffn);
  }
}

export class Existing extends View {
  get path() {
    return this.event.text;
  }
}

export class Credentials extends View {
  get cause() {
    return Number(this.event.a & 0xffffffffn);
  }
  get oldUid() {
    return Number(this.event.a >> 32n);
  }
  get oldEffectiveUid() {
    return Number(this.event.b & 0xffffffffn);
  }
  get effectiveUid() {
    return Number(this.event.b >> 32n);
  }
  get oldCapabilities() {
    return this.event.c;
  }
  get oldGid() {
    return Number((this.event.attr(1) ?? 0n) & 0xffffffffn);
  }
}

export class Signal extends View {
  get signal() {
    return Number(this.event.a & 0xffffffffn);
  }
  get result() {
    return Number(this.event.a >> 32n);
  }
  get receiver() {
    return this.event.target;
  }
}

export class Open extends View {
  get path() {
    return this.event.text;
  }
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
  get marks() {
    return Number(this.event.a >> 32n);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
  get filesystem() {
    return Number(this.event.c >> 32n);
  }
  get owner() {
    return this.event.target;
  }
}

export class Rename extends View {
  get path() {
    return this.event.text;
  }
  get oldPath() {
    return this.event.text2;
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
}

export class Unlink extends View {
  get path() {
    return this.event.text;
  }
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Link extends View {
  get path() {
    return this.event.text;
  }
  get oldPath() {
    return this.event.text2;
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Symlink extends View {
  get path() {
    return this.event.text;
  }
  get content() {
    return this.event.text2;
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Chmod extends View {
  get path() {
    return this.event.text;
  }
  get mode() {
    return Number(this.event.a & 0xffffffffn);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Chown extends View {
  get path() {
    return this.event.text;
  }
  get owner() {
    return Number(this.event.a & 0xffffffffn);
  }
  get group() {
    return Number(this.event.a >> 32n);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Xattr extends View {
  get path() {
    return this.event.text;
  }
  get name() {
    return this.event.text2;
  }
  get operation() {
    return Number(this.event.a & 0xffffffffn);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class FileFlags extends View {
  get path() {
    return this.event.text;
  }
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Truncate extends View {
  get path() {
    return this.event.text;
  }
  get length() {
    return this.event.a;
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Mknod extends View {
  get path() {
    return this.event.text;
  }
  get mode() {
    return Number(this.event.a & 0xffffffffn);
  }
  get standsFor() {
    return Number(this.event.a >> 32n);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Mkdir extends View {
  get path() {
    return this.event.text;
  }
  get mode() {
    return Number(this.event.a & 0xffffffffn);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Library extends View {
  get path() {
    return this.event.text;
  }
  get marks() {
    return Number(this.event.a & 0xffffffffn);
  }
  get protection() {
    return Number(this.event.a >> 32n);
  }
  get inode() {
    return this.event.b;
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
}

export class Splice extends View {
  get path() {
    return this.event.text;
  }
  get marks() {
    return Number(this.event.a & 0xffffffffn);
  }
  get pipe() {
    return this.event.c;
  }
  get inode() {
    return this.event.b;
  }
}

export class Connect extends View {
  get address() {
    return this.event.text;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get family() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get peer() {
    return this.event.target;
  }
}

export class Accept extends View {
  get address() {
    return this.event.text;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get family() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get localPort() {
    return Number((this.event.attr(1) ?? 0n) & 0xffffffffn);
  }
  get peerSocket() {
    return this.event.attr(2) ?? 0n;
  }
  get peer() {
    return this.event.target;
  }
}

export class Bind extends View {
  get address() {
    return this.event.text;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get family() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
}

export class Listen extends View {
  get address() {
    return this.event.text;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get family() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
}

export class Sent extends View {
  get payload() {
    return this.event.text;
  }
  get address() {
    return this.event.text2;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get length() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get protocol() {
    return Number((this.event.attr(1) ?? 0n) & 0xffffffffn);
  }
  get marks() {
    return Number((this.event.attr(2) ?? 0n) & 0xffffffffn);
  }
}

export class Socket extends View {
  get family() {
    return Number(this.event.a >> 32n);
  }
  get protocol() {
    return Number(this.event.a & 0xffffffffn);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
}

export class Send extends View {
  get address() {
    return this.event.text;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get family() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get peer() {
    return this.event.target;
  }
}

export class Received extends View {
  get payload() {
    return this.event.text;
  }
  get address() {
    return this.event.text2;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get length() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get protocol() {
    return Number((this.event.attr(1) ?? 0n) & 0xffffffffn);
  }
  get marks() {
    return Number((this.event.attr(2) ?? 0n) & 0xffffffffn);
  }
}

export class Dns extends View {
  get name() {
    return this.event.text;
  }
  get address() {
    return this.event.text2;
  }
  get type() {
    return Number(this.event.a & 0xffffffffn);
  }
  get code() {
    return Number(this.event.a >> 32n);
  }
  get answers() {
    return Number(this.event.b & 0xffffffffn);
  }
  get isAnswer() {
    return Number(this.event.b >> 32n);
  }
  get cookie() {
    return this.event.c;
  }
  get answer() {
    return this.event.attrText(1);
  }
}

export class Tls extends View {
  get serverName() {
    return this.event.text;
  }
  get address() {
    return this.event.text2;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get version() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get protocols() {
    return this.event.attrText(1);
  }
}

export class Icmp extends View {
  get payload() {
    return this.event.text;
  }
  get address() {
    return this.event.text2;
  }
  get type() {
    return Number(this.event.a & 0xffffffffn);
  }
  get length() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
}

export class Disconnect extends View {
  get address() {
    return this.event.text;
  }
  get port() {
    return Number(this.event.a & 0xffffffffn);
  }
  get side() {
    return Number(this.event.a >> 32n);
  }
  get socket() {
    return this.event.b;
  }
  get cookie() {
    return this.event.c;
  }
  get sent() {
    return this.event.attr(1) ?? 0n;
  }
  get received() {
    return this.event.attr(2) ?? 0n;
  }
}

export class Dup extends View {
  get fd() {
    return Number(this.event.a & 0xffffffffn);
  }
  get stream() {
    return Number(this.event.a >> 32n);
  }
  get identity() {
    return this.event.b;
  }
  get marks() {
    return Number(this.event.c & 0xffffffffn);
  }
  get port() {
    return Number(this.event.c >> 32n);
  }
  get address() {
    return this.event.text;
  }
}

export class Pipe extends View {
  get inode() {
    return this.event.a;
  }
  get readFd() {
    return Number(this.event.b & 0xffffffffn);
  }
  get writeFd() {
    return Number(this.event.b >> 32n);
  }
}

export class Socketpair extends View {
  get first() {
    return this.event.a;
  }
  get second() {
    return this.event.b;
  }
}

export class Terminal extends View {
  get index() {
    return Number(this.event.a & 0xffffffffn);
  }
  get device() {
    return this.event.b;
  }
}

export class Passed extends View {
  get fd() {
    return Number(this.event.a & 0xffffffffn);
  }
  get stream() {
    return Number(this.event.a >> 32n);
  }
  get identity() {
    return this.event.b;
  }
  get marks() {
    return Number(this.event.c & 0xffffffffn);
  }
  get port() {
    return Number(this.event.c >> 32n);
  }
  get address() {
    return this.event.text;
  }
  get other() {
    return this.event.attr(1) ?? 0n;
  }
  get sender() {
    return this.event.target;
  }
  get how() {
    return Number((this.event.attr(2) ?? 0n) & 0xffffffffn);
  }
}

export class Setns extends View {
  get types() {
    return Number(this.event.a & 0xffffffffn);
  }
  get changed() {
    return Number(this.event.a >> 32n);
  }
  get mountNamespace() {
    return Number(this.event.b & 0xffffffffn);
  }
  get pidNamespace() {
    return Number(this.event.b >> 32n);
  }
}

export class Unshare extends View {
  get types() {
    return Number(this.event.a & 0xffffffffn);
  }
}

export class Mount extends View {
  get target() {
    return this.event.text;
  }
  get source() {
    return this.event.text2;
  }
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
  get marks() {
    return Number(this.event.a >> 32n);
  }
  get filesystem() {
    return Number(this.event.b & 0xffffffffn);
  }
  get operation() {
    return Number(this.event.b >> 32n);
  }
  get device() {
    return Number(this.event.c & 0xffffffffn);
  }
  get type() {
    return this.event.attrText(1);
  }
}

export class CgroupMove extends View {
  get path() {
    return this.event.text;
  }
  get cgroup() {
    return this.event.a;
  }
  get hierarchy() {
    return Number(this.event.b & 0xffffffffn);
  }
  get moved() {
    return this.event.target;
  }
}

export class Ptrace extends View {
  get request() {
    return Number(this.event.a & 0xffffffffn);
  }
  get address() {
    return this.event.b;
  }
  get tracee() {
    return this.event.target;
  }
}

export class ProcessMemory extends View {
  get access() {
    return Number(this.event.a & 0xffffffffn);
  }
  get owner() {
    return this.event.target;
  }
}

export class Memfd extends View {
  get name() {
    return this.event.text;
  }
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
  get inode() {
    return this.event.b;
  }
}

export class Module extends View {
  get path() {
    return this.event.text;
  }
  get name() {
    return this.event.text2;
  }
}

export class Bpf extends View {
  get command() {
    return Number(this.event.a & 0xffffffffn);
  }
  get type() {
    return Number(this.event.a >> 32n);
  }
  get attachment() {
    return Number(this.event.b & 0xffffffffn);
  }
  get name() {
    return this.event.text;
  }
}

export class ExecutableMemory extends View {
  get address() {
    return this.event.b;
  }
  get length() {
    return this.event.c;
  }
  get protection() {
    return Number(this.event.a & 0xffffffffn);
  }
  get marks() {
    return Number(this.event.a >> 32n);
  }
  get path() {
    return this.event.text;
  }
}

export class Keyctl extends View {
  get operation() {
    return Number(this.event.a & 0xffffffffn);
  }
  get key() {
    return this.event.b;
  }
  get type() {
    return this.event.text;
  }
  get description() {
    return this.event.text2;
  }
}

export class Userfaultfd extends View {
  get flags() {
    return Number(this.event.a & 0xffffffffn);
  }
}

export class PerfEvent extends View {
  get type() {
    return Number(this.event.a & 0xffffffffn);
  }
  get config() {
    return this.event.b;
  }
  get observed() {
    return this.event.target;
  }
}

export class IoUring extends View {
  get entries() {
    return Number(this.event.a & 0xffffffffn);
  }
  get flags() {
    return Number(this.event.a >> 32n);
  }
}

export class Cgroup extends View {
  get path() {
    return this.event.text;
  }
  get cgroup() {
    return this.event.a;
  }
  get hierarchy() {
    return Number(this.event.b & 0xffffffffn);
  }
}

export class Container extends View {
  get id() {
    return this.event.text;
  }
  get name() {
    return this.event.text2;
  }
  get cgroup() {
    return this.event.a;
  }
  get marks() {
    return Number(this.event.b & 0xffffffffn);
  }
  get image() {
    return this.event.attrText(1);
  }
  get pod() {
    return this.event.attrText(2);
  }
  get namespace() {
    return this.event.attrText(3);
  }
  get digest() {
    return this.event.attrText(4);
  }
  get label() {
    return this.event.attrText(5);
  }
  get mount() {
    return this.event.attrText(6);
  }
  get runtime() {
    return this.event.attrText(7);
  }
  get capabilities() {
    return this.event.attr(8) ?? 0n;
  }
  get podUid() {
    return this.event.attrText(9);
  }
  get outer() {
    return this.event.attrText(10);
  }
}

export class CgroupRemoved extends View {
  get path() {
    return this.event.text;
  }
  get cgroup() {
    return this.event.a;
  }
  get hierarchy() {
    return Number(this.event.b & 0xffffffffn);
  }
}

export class Tick extends View {
}

export class Loss extends View {
  get count() {
    return this.event.a;
  }
  get cause() {
    return Number(this.event.b & 0xffffffffn);
  }
  get lostKind() {
    return Number(this.event.b >> 32n);
  }
  get cgroup() {
    return this.event.c;
  }
  get cgroupV1() {
    return this.event.attr(1) ?? 0n;
  }
}

export class Timer extends View {
  get token() {
    return this.event.a;
  }
  get due() {
    return this.event.b;
  }
}

export class Answer extends View {
  get question() {
    return this.event.text;
  }
  get answer() {
    return this.event.text2;
  }
  get about() {
    return this.event.a;
  }
}

export class Intel extends View {
  get digest() {
    return this.event.text;
  }
  get entries() {
    return this.event.a;
  }
}

export class Event extends Slots {
  get exec() {
    return this.kind === 1 ? new Exec(this) : null;
  }
  get fork() {
    return this.kind === 2 ? new Fork(this) : null;
  }
  get exit() {
    return this.kind === 3 ? new Exit(this) : null;
  }
  get existing() {
    return this.kind === 4 ? new Existing(this) : null;
  }
  get credentials() {
    return this.kind === 5 ? new Credentials(this) : null;
  }
  get signal() {
    return this.kind === 6 ? new Signal(this) : null;
  }
  get open() {
    return this.kind === 16 ? new Open(this) : null;
  }
  get rename() {
    return this.kind === 17 ? new Rename(this) : null;
  }
  get unlink() {
    return this.kind === 18 ? new Unlink(this) : null;
  }
  get link() {
    return this.kind === 19 ? new Link(this) : null;
  }
  get symlink() {
    return this.kind === 20 ? new Symlink(this) : null;
  }
  get chmod() {
    return this.kind === 21 ? new Chmod(this) : null;
  }
  get chown() {
    return this.kind === 22 ? new Chown(this) : null;
  }
  get xattr() {
    return this.kind === 23 ? new Xattr(this) : null;
  }
  get fileFlags() {
    return this.kind === 24 ? new FileFlags(this) : null;
  }
  get truncate() {
    return this.kind === 25 ? new Truncate(this) : null;
  }
  get mknod() {
    return this.kind === 26 ? new Mknod(this) : null;
  }
  get mkdir() {
    return this.kind === 27 ? new Mkdir(this) : null;
  }
  get library() {
    return this.kind === 28 ? new Library(this) : null;
  }
  get splice() {
    return this.kind === 29 ? new Splice(this) : null;
  }
  get connect() {
    return this.kind === 32 ? new Connect(this) : null;
  }
  get accept() {
    return this.kind === 33 ? new Accept(this) : null;
  }
  get bind() {
    return this.kind === 34 ? new Bind(this) : null;
  }
  get listen() {
    return this.kind === 35 ? new Listen(this) : null;
  }
  get sent() {
    return this.kind === 36 ? new Sent(this) : null;
  }
  get socket() {
    return this.kind === 37 ? new Socket(this) : null;
  }
  get send() {
    return this.kind === 38 ? new Send(this) : null;
  }
  get received() {
    return this.kind === 39 ? new Received(this) : null;
  }
  get dns() {
    return this.kind === 40 ? new Dns(this) : null;
  }
  get tls() {
    return this.kind === 41 ? new Tls(this) : null;
  }
  get icmp() {
    return this.kind === 42 ? new Icmp(this) : null;
  }
  get disconnect() {
    return this.kind === 43 ? new Disconnect(this) : null;
  }
  get dup() {
    return this.kind === 48 ? new Dup(this) : null;
  }
  get pipe() {
    return this.kind === 49 ? new Pipe(this) : null;
  }
  get socketpair() {
    return this.kind === 50 ? new Socketpair(this) : null;
  }
  get terminal() {
    return this.kind === 51 ? new Terminal(this) : null;
  }
  get passed() {
    return this.kind === 52 ? new Passed(this) : null;
  }
  get setns() {
    return this.kind === 64 ? new Setns(this) : null;
  }
  get unshare() {
    return this.kind === 65 ? new Unshare(this) : null;
  }
  get mount() {
    return this.kind === 66 ? new Mount(this) : null;
  }
  get cgroupMove() {
    return this.kind === 67 ? new CgroupMove(this) : null;
  }
  get ptrace() {
    return this.kind === 80 ? new Ptrace(this) : null;
  }
  get processMemory() {
    return this.kind === 81 ? new ProcessMemory(this) : null;
  }
  get memfd() {
    return this.kind === 82 ? new Memfd(this) : null;
  }
  get module() {
    return this.kind === 83 ? new Module(this) : null;
  }
  get bpf() {
    return this.kind === 84 ? new Bpf(this) : null;
  }
  get executableMemory() {
    return this.kind === 85 ? new ExecutableMemory(this) : null;
  }
  get keyctl() {
    return this.kind === 86 ? new Keyctl(this) : null;
  }
  get userfaultfd() {
    return this.kind === 87 ? new Userfaultfd(this) : null;
  }
  get perfEvent() {
    return this.kind === 88 ? new PerfEvent(this) : null;
  }
  get ioUring() {
    return this.kind === 89 ? new IoUring(this) : null;
  }
  get cgroup() {
    return this.kind === 96 ? new Cgroup(this) : null;
  }
  get container() {
    return this.kind === 97 ? new Container(this) : null;
  }
  get cgroupRemoved() {
    return this.kind === 98 ? new CgroupRemoved(this) : null;
  }
  get tick() {
    return this.kind === 112 ? new Tick(this) : null;
  }
  get loss() {
    return this.kind === 113 ? new Loss(this) : null;
  }
  get timer() {
    return this.kind === 114 ? new Timer(this) : null;
  }
  get answer() {
    return this.kind === 115 ? new Answer(this) : null;
  }
  get intel() {
    return this.kind === 116 ? new Intel(this) : null;
  }
}
