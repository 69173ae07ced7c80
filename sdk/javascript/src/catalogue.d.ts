// Written from wit/events.toml by `make docs`: change it there.

import { ExecView, Process, Slots, View } from './index.js';

/** Numbers of the kinds of event. */
export declare const kind: {
  /** A process executed a new image. The process row is that of the new image. */
  readonly EXEC: 1;
  /** A process made another one; the target is the child. Threads are not told. One that makes namespaces goes through the security lane. */
  readonly FORK: 2;
  /** The last thread of a process ended. */
  readonly EXIT: 3;
  /** A process that ran before the plugin's subscription began, or one whose beginning or execution was lost: then its row is marked incomplete. */
  readonly EXISTING: 4;
  /** A process's user, group or effective capabilities changed; told once where all its threads change alike. The process row shows them after the change. */
  readonly CREDENTIALS: 5;
  /** A process sent a signal to another one. */
  readonly SIGNAL: 6;
  /** A file was opened. Told when the call succeeded, from the kernel's own copy. */
  readonly OPEN: 16;
  /** A file or directory was renamed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly RENAME: 17;
  /** A name of a file, or a directory, was removed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly UNLINK: 18;
  /** A file got another name. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly LINK: 19;
  /** A symbolic link was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly SYMLINK: 20;
  /** The mode of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly CHMOD: 21;
  /** The owner or group of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly CHOWN: 22;
  /** An extended attribute of a file was set or removed; file capabilities are security.capability. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly XATTR: 23;
  /** The flags of an inode were changed (chattr), for example immutable. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly FILE_FLAGS: 24;
  /** A file was cut or grown by truncate or ftruncate; an open that truncates is an open with O_TRUNC. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly TRUNCATE: 25;
  /** A device, fifo, socket or plain file was made by mknod. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly MKNOD: 26;
  /** A directory was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  readonly MKDIR: 27;
  /** A file was mapped executable: a shared object was loaded. Of a process's own image and its interpreter `exec` tells. */
  readonly LIBRARY: 28;
  /** Pages of a file that was opened for reading only were put into a pipe: harmless, unless a fault of the kernel lets the pipe's writer change them. */
  readonly SPLICE: 29;
  /** A process connected a socket; ret tells whether it was refused (-111) or is under way (-115). A TCP connection that a process begins by sending (TCP fast open) is told when it begins, as under way. */
  readonly CONNECT: 32;
  /** A process accepted a connection. */
  readonly ACCEPT: 33;
  /** A process bound a socket to an address. */
  readonly BIND: 34;
  /** A process waits for connections on a socket. */
  readonly LISTEN: 35;
  /** The first bytes that a process sent on a flow. Told once for each of the first packets that carry data. */
  readonly SENT: 36;
  /** A process made, or tried to make, a socket that few programs need: raw and packet sockets, every family but unix and the internet's, protocols other than TCP, UDP, MPTCP and ICMP, and of netlink xfrm, netfilter, RDMA and crypto. ret tells whether it was refused. */
  readonly SOCKET: 37;
  /** A process sent a message to an address given with it (UDP, ICMP, unix, vsock, raw): told for the first to each address. Of UDP it is the kernel's copy, of the rest what the caller gave. */
  readonly SEND: 38;
  /** The first bytes that came in on a flow. Told once for each of the first packets that carry data; those that came before the process accepted the connection are told when it does. */
  readonly RECEIVED: 39;
  /** A question to a name server, or its answer, on port 53. */
  readonly DNS: 40;
  /** A process began a TLS connection: what its first message says in the clear. */
  readonly TLS: 41;
  /** A process sent an ICMP message. Told for the first messages of a socket. */
  readonly ICMP: 42;
  /** A TCP connection of a process is over: the last process that held it closed it, both its directions were shut down, or it was broken off. The process is the one that connected or accepted; ret is 0, or tells why it broke off (-104 reset, -110 timed out, -111 refused). */
  readonly DISCONNECT: 43;
  /** Standard input, output or error was replaced (dup, dup2, dup3, fcntl). The process row shows the new streams. */
  readonly DUP: 48;
  /** A process made a pipe. */
  readonly PIPE: 49;
  /** A process made a pair of connected unix sockets. */
  readonly SOCKETPAIR: 50;
  /** A process made a pseudo-terminal and holds its master side. */
  readonly TERMINAL: 51;
  /** A process received a file descriptor over a unix socket (SCM_RIGHTS) or took it out of another process (pidfd_getfd). Told for each descriptor. */
  readonly PASSED: 52;
  /** A process entered existing namespaces. The process row shows where it is now. */
  readonly SETNS: 64;
  /** A process left namespaces for new ones. */
  readonly UNSHARE: 65;
  /** A call of the mount family. */
  readonly MOUNT: 66;
  /** A process was moved to another control group. For the agent's own context. */
  readonly CGROUP_MOVE: 67;
  /** A process traced another one. */
  readonly PTRACE: 80;
  /** A process read or wrote another one's memory. */
  readonly PROCESS_MEMORY: 81;
  /** A process made an anonymous file in memory. */
  readonly MEMFD: 82;
  /** A process asked for a kernel module to be loaded. */
  readonly MODULE: 83;
  /** A process loaded a BPF program, attached one or made a map. */
  readonly BPF: 84;
  /** Memory was made executable that is anonymous, writable, or was written before. */
  readonly EXECUTABLE_MEMORY: 85;
  /** A process worked on the kernel's keyrings (keyctl, add_key, request_key). */
  readonly KEYCTL: 86;
  /** A process takes the faults of its memory upon itself; exploits use it to win races against the kernel. */
  readonly USERFAULTFD: 87;
  /** A process opened a performance event. */
  readonly PERF_EVENT: 88;
  /** A process made an io_uring. What is done through it is told by the same kinds as system calls, with the mark io-uring. */
  readonly IO_URING: 89;
  /** A control group was made. For the agent's own context. */
  readonly CGROUP: 96;
  /** What the container runtime says of a container. For the agent's own context. */
  readonly CONTAINER: 97;
  /** A control group was removed. For the agent's own context. */
  readonly CGROUP_REMOVED: 98;
  /** A second of event time has passed. Its process is none. */
  readonly TICK: 112;
  /** Events were lost since the last one of this kind. Its process is none. */
  readonly LOSS: 113;
  /** A time that the plugin asked for has come. For this plugin alone; its process is none. */
  readonly TIMER: 114;
  /** What a service answered a plugin from the machine, kept so that a replay answers the same. For captures. */
  readonly ANSWER: 115;
  /** The operator's lists were loaded, at start or anew. Its process is none. */
  readonly INTEL: 116;
};

/** Names of the kinds, as in manifests. */
export declare const kindNames: ReadonlyMap<number, string>;

/** How an event came about. */
export declare const eventMark: {
  /** A text was longer than what was kept. */
  readonly TRUNCATED: 0x1;
  /** It was overtaken by an event that happened after it. */
  readonly LATE: 0x2;
  /** The kernel could not read some field. */
  readonly INCOMPLETE: 0x4;
  /** Made by the agent from what it found, not by the kernel as it happened. */
  readonly SYNTHETIC: 0x8;
  /** The kernel keeps no copy of a path here: it was read from the caller's memory and resolved by the agent a moment later. */
  readonly AS_GIVEN: 0x10;
  /** Done through io_uring instead of a system call of its own; incomplete too where no answer was asked for: it is told as it was asked, and what came of it is not known. */
  readonly IO_URING: 0x20;
  /** Done by a 32-bit system call; of an exec: the image is a 32-bit program. */
  readonly COMPAT: 0x40;
};

/** What is known of a process beyond its fields. */
export declare const processMark: {
  /** It ran before the agent started. */
  readonly EXISTING: 0x1;
  /** A life event of it was lost; the row was repaired from what was left. */
  readonly INCOMPLETE: 0x2;
  /** Its image was executed outside of the container that it is in now: a runtime setting it up. */
  readonly JOINING: 0x4;
  /** It is dead. */
  readonly EXITED: 0x8;
  /** Its image lives in anonymous memory. */
  readonly MEMFD_IMAGE: 0x10;
  /** Its image had no name in any directory when it was executed. */
  readonly DELETED_IMAGE: 0x20;
  /** Its image was written after the container's image was laid down (overlay upper layer). */
  readonly WRITTEN_IMAGE: 0x40;
  /** Its image lies in a mount that is not of its own mount namespace. */
  readonly FOREIGN_IMAGE: 0x80;
  /** It has no user memory. */
  readonly KERNEL_THREAD: 0x100;
  /** Its image was executed in the container that its own was made in: a runtime inside of a container setting another one up, or whoever wants to pass for one. */
  readonly JOINING_INNER: 0x200;
  /** It is in the mount namespace of the machine's init. */
  readonly HOST_MOUNT_NAMESPACE: 0x10000;
  /** It is in the pid namespace of the machine's init. */
  readonly HOST_PID_NAMESPACE: 0x20000;
  /** It is in the network namespace of the machine's init. */
  readonly HOST_NETWORK_NAMESPACE: 0x40000;
  /** It is in the user namespace of the machine's init. */
  readonly HOST_USER_NAMESPACE: 0x80000;
};

/** What an executed file is by its content, whatever its name. */
export declare const imageClass: {
  /** Not read. */
  readonly UNKNOWN: 0x0;
  /** None of the classes below. */
  readonly OTHER: 0x1;
  /** A command shell: it holds the grammar of one. */
  readonly SHELL: 0x2;
  /** A shell among many applets, chosen by the name it is called by. */
  readonly MULTICALL_SHELL: 0x3;
  /** The runtime of a scripting language. */
  readonly INTERPRETER: 0x4;
};

/** What is known of a container. */
export declare const containerMark: {
  /** Not all is known of it yet that its runtime can say. */
  readonly PENDING: 0x1;
  /** It was started with every capability. */
  readonly PRIVILEGED: 0x2;
  /** It shares the machine's pid namespace. */
  readonly HOST_PID: 0x4;
  /** It shares the machine's network namespace. */
  readonly HOST_NETWORK: 0x8;
  /** It shares the machine's IPC namespace. */
  readonly HOST_IPC: 0x10;
  /** It shares the machine's user namespace: its root is the machine's. */
  readonly HOST_USER: 0x20;
  /** It only holds the namespaces of a pod. */
  readonly SANDBOX: 0x40;
};

/** What a file descriptor is. */
export declare const streamKind: {
  /** Nothing. */
  readonly CLOSED: 0x0;
  /** A regular file or directory. */
  readonly FILE: 0x1;
  /** An anonymous pipe. */
  readonly PIPE: 0x2;
  /** A pipe with a name in a directory. */
  readonly FIFO: 0x3;
  /** The slave side of a pseudo-terminal, or a console. */
  readonly TERMINAL: 0x4;
  /** The master side of a pseudo-terminal. */
  readonly TERMINAL_MASTER: 0x5;
  /** An IPv4 or IPv6 socket. */
  readonly INET: 0x6;
  /** A unix socket. */
  readonly UNIX: 0x7;
  /** A character or block device other than a terminal. */
  readonly DEVICE: 0x8;
  /** An anonymous file in memory. */
  readonly MEMFD: 0x9;
  /** A socket of another family. */
  readonly SOCKET: 0xa;
  /** Anything else. */
  readonly OTHER: 0xb;
};

/** How a file descriptor can be used. */
export declare const streamMark: {
  /** This side called connect. */
  readonly OUTBOUND: 0x1;
  /** This side accepted the connection. */
  readonly ACCEPTED: 0x2;
  /** The socket waits for connections. */
  readonly LISTENING: 0x4;
  /** Open for reading. */
  readonly READABLE: 0x8;
  /** Open for writing. */
  readonly WRITABLE: 0x10;
  /** Not a stream socket. */
  readonly DATAGRAM: 0x20;
  /** The null device. */
  readonly NULL: 0x40;
};

/** How a descriptor came to a process. */
export declare const passedHow: {
  /** Somebody sent it over a unix socket. */
  readonly MESSAGE: 0x0;
  /** The process took it out of another one, which need not know of it (pidfd_getfd). */
  readonly FETCH: 0x1;
};

/** What was opened and how it was reached. */
export declare const openMark: {
  /** The file lies in a mount that is not of the process's mount namespace. */
  readonly FOREIGN_MOUNT: 0x1;
  /** The file is not below the root of the mount that it was reached through. */
  readonly OUTSIDE_MOUNT: 0x2;
  /** A block device. */
  readonly BLOCK_DEVICE: 0x4;
  /** A character device. */
  readonly CHARACTER_DEVICE: 0x8;
  /** The memory of the target process (/proc/PID/mem). */
  readonly PROCESS_MEMORY: 0x10;
  /** Opened by a file handle (open_by_handle_at). */
  readonly BY_HANDLE: 0x20;
  /** A named pipe. */
  readonly FIFO: 0x40;
  /** A file that some process is executing. */
  readonly RUNNING_IMAGE: 0x80;
  /** The call made the file. */
  readonly CREATED: 0x100;
};

/** Which call of the mount family. */
export declare const mountOperation: {
  /** mount(2), a new file system. */
  readonly MOUNT: 0x1;
  /** mount(2) with MS_BIND. */
  readonly BIND: 0x2;
  /** mount(2) with MS_REMOUNT. */
  readonly REMOUNT: 0x3;
  /** mount(2) changing shared, private, slave or unbindable. */
  readonly PROPAGATION: 0x4;
  /** mount(2) with MS_MOVE, or move_mount(2). */
  readonly MOVE: 0x5;
  /** umount2(2). */
  readonly UMOUNT: 0x6;
  /** open_tree(2), open_tree_attr(2). */
  readonly OPEN_TREE: 0x7;
  /** fsopen(2). */
  readonly FSOPEN: 0x8;
  /** fsconfig(2). */
  readonly FSCONFIG: 0x9;
  /** fsmount(2). */
  readonly FSMOUNT: 0xa;
  /** pivot_root(2). */
  readonly PIVOT_ROOT: 0xb;
  /** chroot(2). */
  readonly CHROOT: 0xc;
  /** mount_setattr(2). */
  readonly SETATTR: 0xd;
  /** fspick(2). */
  readonly FSPICK: 0xe;
};

/** What was mounted. */
export declare const mountMark: {
  /** The file system lives on a block device. */
  readonly BLOCK_DEVICE: 0x1;
};

/** Direction of an access to another process's memory. */
export declare const memoryAccess: {
  /** process_vm_readv. */
  readonly READ: 0x0;
  /** process_vm_writev. */
  readonly WRITE: 0x1;
};

/** Why events were lost. */
export declare const lossCause: {
  /** The ring of the security lane had no room. */
  readonly SECURITY_RING_FULL: 0x1;
  /** The ring of the bulk lane had no room. */
  readonly BULK_RING_FULL: 0x2;
  /** The ring of payloads had no room. */
  readonly FLOW_RING_FULL: 0x3;
  /** A record could not be decoded. */
  readonly DECODE: 0x4;
  /** A plugin did not keep up. */
  readonly PLUGIN_QUEUE_FULL: 0x5;
  /** The kernel could not read what the event is about. */
  readonly UNREADABLE: 0x6;
  /** A ring was filling up and one control group had had its share of it. */
  readonly QUOTA: 0x7;
  /** A control group did more of a bulk kind than its rate allows. */
  readonly RATE_LIMIT: 0x8;
};

/** What a plugin may propose. */
export declare const action: {
  /** Kill the target process. */
  readonly KILL: 0x1;
};

/** What a finding says beyond its fields. */
export declare const findingDetail: {
  /** An ATT&CK technique of this very case, in text; one that the rule declares, or a part of it. */
  readonly TECHNIQUE: 0x1;
  /** KEY=VALUE for people, in text. */
  readonly NOTE: 0x2;
};

/** Why a service gives no answer. */
export declare const failure: {
  /** The plugin has had its share. */
  readonly QUOTA: 0x1;
  /** What was given or asked for is larger than any may be. */
  readonly TOO_LARGE: 0x2;
  /** It is not known here: a replay has no record of the answer. */
  readonly UNAVAILABLE: 0x3;
  /** There is no such thing, or no longer. */
  readonly NOT_FOUND: 0x4;
  /** What is there now is not what the event was about. */
  readonly CHANGED: 0x5;
  /** The agent may not look there. */
  readonly DENIED: 0x6;
  /** It has not the form that was asked for, or what was given has not. */
  readonly MALFORMED: 0x7;
  /** The event is not of the batch that is being judged. */
  readonly NOT_SENT: 0x8;
};

/** Which file of an event. */
export declare const fileRole: {
  /** The image that the process runs. */
  readonly IMAGE: 0x1;
  /** The file in the slot text: what was opened, executed, renamed. */
  readonly PATH: 0x2;
  /** The file in the slot text2: the earlier name of a rename or link; the new one is in text. */
  readonly OTHER_PATH: 0x3;
  /** The image that the target runs. */
  readonly TARGET_IMAGE: 0x4;
};

/** What a list of the operator holds. */
export declare const indicator: {
  /** An IP address, alone or in a network. */
  readonly ADDRESS: 0x1;
  /** A domain name with all below it. */
  readonly DOMAIN: 0x2;
  /** SHA-256 of a file. */
  readonly HASH: 0x3;
};

/** What an ELF file is. */
export declare const elfMark: {
  /** It is linked to shared objects. */
  readonly DYNAMIC: 0x1;
  /** It can be loaded anywhere. */
  readonly POSITION_INDEPENDENT: 0x2;
  /** It has no table of symbols. */
  readonly STRIPPED: 0x4;
  /** It asks for a stack that can be executed. */
  readonly EXECUTABLE_STACK: 0x8;
  /** A segment of it is writable and executable. */
  readonly WRITABLE_CODE: 0x10;
  /** It has no table of sections, as packers leave it. */
  readonly NO_SECTIONS: 0x20;
};

/** What changed a process's credentials. */
export declare const credentialsCause: {
  /** A system call that is made for it: setuid and its kin, capset. */
  readonly CALL: 0x1;
  /** Executing a file: its set-user-id or set-group-id bit, its file capabilities, or the rules for those whom it has none for. */
  readonly IMAGE: 0x2;
  /** Entering or making a user namespace. Of a child that is made in one, `fork` tells. */
  readonly NAMESPACE: 0x3;
  /** Nothing that may change them: the kernel was made to. */
  readonly UNEXPLAINED: 0x4;
};

/** What became of a signal that was sent. */
export declare const signalResult: {
  /** The receiver gets it. */
  readonly DELIVERED: 0x0;
  /** The receiver ignores it. */
  readonly IGNORED: 0x1;
  /** The same one waited already. */
  readonly PENDING: 0x2;
  /** The queue was full: the sender got an error. */
  readonly OVERFLOW: 0x3;
  /** The queue was full: the receiver gets it without knowing from whom. */
  readonly LOST_INFORMATION: 0x4;
};

/** What was done to an extended attribute. */
export declare const xattrOperation: {
  /** setxattr and its kin. */
  readonly SET: 0x1;
  /** removexattr and its kin. */
  readonly REMOVE: 0x2;
};

/** What memory became executable. */
export declare const memoryMark: {
  /** Not of a file. */
  readonly ANONYMOUS: 0x1;
  /** It is writable at the same time. */
  readonly WRITABLE: 0x2;
  /** It was written before it was made executable. */
  readonly WRITTEN: 0x4;
  /** A stack. */
  readonly STACK: 0x8;
  /** The heap (brk). */
  readonly HEAP: 0x10;
  /** By mmap; otherwise by mprotect. */
  readonly MAPPED: 0x20;
};

/** Where a mapped or spliced file comes from. */
export declare const fileMark: {
  /** Anonymous memory. */
  readonly MEMFD: 0x1;
  /** It has no name in any directory. */
  readonly DELETED: 0x2;
  /** Written after the container's image was laid down (overlay upper layer). */
  readonly WRITTEN: 0x4;
  /** It lies in a mount that is not of the process's mount namespace. */
  readonly FOREIGN_MOUNT: 0x8;
  /** It or its directory can be written by anybody. */
  readonly WORLD_WRITABLE: 0x10;
  /** It was opened for reading only. */
  readonly READ_ONLY: 0x20;
};

/** A process executed a new image. The process row is that of the new image. */
export declare class Exec extends ExecView {
  /** The executed file, in the process's own root. */
  get path(): Uint8Array;
  /** The name given to the call; for a script the script's. */
  get filename(): Uint8Array;
  /** Inode of the executed file. */
  get inode(): bigint;
  /** Device of the executed file. */
  get device(): number;
  /** Names that the executed file has. */
  get links(): number;
}

/** A process made another one; the target is the child. Threads are not told. One that makes namespaces goes through the security lane. */
export declare class Fork extends View {
  /** The new process. */
  get child(): Process | null;
  /** CLONE_NEW… bits of the namespaces that the child does not share with its parent. */
  get namespaces(): number;
}

/** The last thread of a process ended. */
export declare class Exit extends View {
  /** Wait status: exit code << 8, or the signal. */
  get code(): number;
}

/** A process that ran before the plugin's subscription began, or one whose beginning or execution was lost: then its row is marked incomplete. */
export declare class Existing extends View {
  /** The executed file. */
  get path(): Uint8Array;
}

/** A process's user, group or effective capabilities changed; told once where all its threads change alike. The process row shows them after the change. */
export declare class Credentials extends View {
  /** What changed them. */
  get cause(): number;
  /** Real user id before. */
  get oldUid(): number;
  /** Effective user id before. */
  get oldEffectiveUid(): number;
  /** Effective user id now. */
  get effectiveUid(): number;
  /** Effective capabilities before. */
  get oldCapabilities(): bigint;
  /** Real group id before. */
  get oldGid(): number;
}

/** A process sent a signal to another one. */
export declare class Signal extends View {
  /** Its number. */
  get signal(): number;
  /** What became of it. */
  get result(): number;
  /** The process that it was sent to. */
  get receiver(): Process | null;
}

/** A file was opened. Told when the call succeeded, from the kernel's own copy. */
export declare class Open extends View {
  /** The opened file after every link, in the process's own root. */
  get path(): Uint8Array;
  /** O_… flags of the open file. */
  get flags(): number;
  /** What was opened and how it was reached. */
  get marks(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on; of a device file the device that it stands for. */
  get device(): number;
  /** Magic number of the file system. */
  get filesystem(): number;
  /** The process that a file below /proc/PID belongs to. */
  get owner(): Process | null;
}

/** A file or directory was renamed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Rename extends View {
  /** Its new path. */
  get path(): Uint8Array;
  /** Its path before. */
  get oldPath(): Uint8Array;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
  /** RENAME_… flags. */
  get flags(): number;
}

/** A name of a file, or a directory, was removed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Unlink extends View {
  /** The name that is gone. */
  get path(): Uint8Array;
  /** AT_REMOVEDIR (0x200) for a directory. */
  get flags(): number;
  /** Inode; 0 where it is not known, as with every name that is told as given. */
  get inode(): bigint;
  /** Device that the inode was on. */
  get device(): number;
}

/** A file got another name. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Link extends View {
  /** The new name. */
  get path(): Uint8Array;
  /** The name that was linked to. */
  get oldPath(): Uint8Array;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** A symbolic link was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Symlink extends View {
  /** The link. */
  get path(): Uint8Array;
  /** What it says; it need not exist. */
  get content(): Uint8Array;
  /** Inode of the link. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** The mode of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Chmod extends View {
  /** The file. */
  get path(): Uint8Array;
  /** Permission bits given, with set-user-id (0x800) and set-group-id (0x400). */
  get mode(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** The owner or group of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Chown extends View {
  /** The file. */
  get path(): Uint8Array;
  /** User id given; 0xffffffff leaves it. */
  get owner(): number;
  /** Group id given; 0xffffffff leaves it. */
  get group(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** An extended attribute of a file was set or removed; file capabilities are security.capability. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Xattr extends View {
  /** The file. */
  get path(): Uint8Array;
  /** Name of the attribute. */
  get name(): Uint8Array;
  /** Set or removed. */
  get operation(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** The flags of an inode were changed (chattr), for example immutable. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class FileFlags extends View {
  /** The file. */
  get path(): Uint8Array;
  /** FS_…_FL bits now: immutable 0x10, append-only 0x20. */
  get flags(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** A file was cut or grown by truncate or ftruncate; an open that truncates is an open with O_TRUNC. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Truncate extends View {
  /** The file. */
  get path(): Uint8Array;
  /** Its length now, in bytes. */
  get length(): bigint;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** A device, fifo, socket or plain file was made by mknod. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Mknod extends View {
  /** The file. */
  get path(): Uint8Array;
  /** S_IF… type and permissions. */
  get mode(): number;
  /** The device that a device file stands for. */
  get standsFor(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** A directory was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
export declare class Mkdir extends View {
  /** The directory. */
  get path(): Uint8Array;
  /** Permissions given. */
  get mode(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** A file was mapped executable: a shared object was loaded. Of a process's own image and its interpreter `exec` tells. */
export declare class Library extends View {
  /** The file. */
  get path(): Uint8Array;
  /** Where it comes from. */
  get marks(): number;
  /** PROT_… bits. */
  get protection(): number;
  /** Inode. */
  get inode(): bigint;
  /** Device that the inode is on. */
  get device(): number;
}

/** Pages of a file that was opened for reading only were put into a pipe: harmless, unless a fault of the kernel lets the pipe's writer change them. */
export declare class Splice extends View {
  /** The file. */
  get path(): Uint8Array;
  /** Where it comes from. */
  get marks(): number;
  /** Inode of the pipe. */
  get pipe(): bigint;
  /** Inode of the file. */
  get inode(): bigint;
}

/** A process connected a socket; ret tells whether it was refused (-111) or is under way (-115). A TCP connection that a process begins by sending (TCP fast open) is told when it begins, as under way. */
export declare class Connect extends View {
  /** Remote address, the path of a unix socket, or the context id of a vsock one. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** AF_… in the low half, SOCK_… in the high half. */
  get family(): number;
  /** Inode of the socket. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** The process at the other end of a unix socket. */
  get peer(): Process | null;
}

/** A process accepted a connection. */
export declare class Accept extends View {
  /** Remote address, the path of the unix socket, or the context id of a vsock one. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** AF_… in the low half, SOCK_… in the high half. */
  get family(): number;
  /** Inode of the new socket. */
  get socket(): bigint;
  /** The kernel's cookie of the new socket. */
  get cookie(): bigint;
  /** Local port. */
  get localPort(): number;
  /** Inode of the socket at the other end of a unix socket: `socket` of its connect. */
  get peerSocket(): bigint;
  /** The process at the other end of a unix socket. */
  get peer(): Process | null;
}

/** A process bound a socket to an address. */
export declare class Bind extends View {
  /** Local address, the path of a unix socket, or the context id of a vsock one. */
  get address(): Uint8Array;
  /** Local port. */
  get port(): number;
  /** AF_… in the low half, SOCK_… in the high half. */
  get family(): number;
  /** Inode of the socket. */
  get socket(): bigint;
}

/** A process waits for connections on a socket. */
export declare class Listen extends View {
  /** Local address, the path of a unix socket, or the context id of a vsock one. */
  get address(): Uint8Array;
  /** Local port. */
  get port(): number;
  /** AF_… in the low half, SOCK_… in the high half. */
  get family(): number;
  /** Inode of the socket. */
  get socket(): bigint;
}

/** The first bytes that a process sent on a flow. Told once for each of the first packets that carry data. */
export declare class Sent extends View {
  /** The bytes. */
  get payload(): Uint8Array;
  /** Remote address. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** Bytes of payload in the packet; `payload` may hold less. */
  get length(): number;
  /** Inode of the socket, 0 where it is not known. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** IPPROTO_…: 6 TCP, 17 UDP. */
  get protocol(): number;
  /** Which side made the connection, or that there is none. */
  get marks(): number;
}

/** A process made, or tried to make, a socket that few programs need: raw and packet sockets, every family but unix and the internet's, protocols other than TCP, UDP, MPTCP and ICMP, and of netlink xfrm, netfilter, RDMA and crypto. ret tells whether it was refused. */
export declare class Socket extends View {
  /** AF_… in the low half, SOCK_… in the high half. */
  get family(): number;
  /** Protocol: IPPROTO_… or, for packet sockets, ETH_P_… */
  get protocol(): number;
  /** Inode of the socket. */
  get socket(): bigint;
  /** The kernel's cookie of the socket, 0 while it has none. */
  get cookie(): bigint;
}

/** A process sent a message to an address given with it (UDP, ICMP, unix, vsock, raw): told for the first to each address. Of UDP it is the kernel's copy, of the rest what the caller gave. */
export declare class Send extends View {
  /** Remote address, the path of a unix socket, or the context id of a vsock one. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** AF_… in the low half, SOCK_… in the high half. */
  get family(): number;
  /** Inode of the socket. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** Not told: an address names a socket, and nothing says who holds it. */
  get peer(): Process | null;
}

/** The first bytes that came in on a flow. Told once for each of the first packets that carry data; those that came before the process accepted the connection are told when it does. */
export declare class Received extends View {
  /** The bytes. */
  get payload(): Uint8Array;
  /** Remote address. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** Bytes of payload in the packet; `payload` may hold less. */
  get length(): number;
  /** Inode of the socket, 0 where it is not known. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** IPPROTO_…: 6 TCP, 17 UDP. */
  get protocol(): number;
  /** Which side made the connection, or that there is none. */
  get marks(): number;
}

/** A question to a name server, or its answer, on port 53. */
export declare class Dns extends View {
  /** The name that is asked for, without the final dot, in lower case. */
  get name(): Uint8Array;
  /** Address of the name server. */
  get address(): Uint8Array;
  /** Type of the question: 1 A, 28 AAAA, 16 TXT … */
  get type(): number;
  /** Code of the answer: 0 found, 3 no such name; 0 in a question. */
  get code(): number;
  /** Records in the answer; 0 in a question. */
  get answers(): number;
  /** 1 for an answer. */
  get isAnswer(): number;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** The first address of the answer; further addresses are further attributes of this key. */
  get answer(): Uint8Array;
}

/** A process began a TLS connection: what its first message says in the clear. */
export declare class Tls extends View {
  /** The name that the client asks for, empty if it gives none. */
  get serverName(): Uint8Array;
  /** Remote address. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** Highest version that the client offers: 0x303 is 1.2, 0x304 is 1.3. */
  get version(): number;
  /** Inode of the socket, 0 where it is not known. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** Application protocols that the client offers (ALPN), a comma between. */
  get protocols(): Uint8Array;
}

/** A process sent an ICMP message. Told for the first messages of a socket. */
export declare class Icmp extends View {
  /** The bytes after the ICMP header. */
  get payload(): Uint8Array;
  /** Remote address. */
  get address(): Uint8Array;
  /** ICMP type: 8 (IPv4) and 128 (IPv6) are echo requests. */
  get type(): number;
  /** Bytes after the ICMP header; `payload` may hold less. */
  get length(): number;
  /** Inode of the socket, 0 where it is not known. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
}

/** A TCP connection of a process is over: the last process that held it closed it, both its directions were shut down, or it was broken off. The process is the one that connected or accepted; ret is 0, or tells why it broke off (-104 reset, -110 timed out, -111 refused). */
export declare class Disconnect extends View {
  /** Remote address. */
  get address(): Uint8Array;
  /** Remote port. */
  get port(): number;
  /** Which side made it: outbound or accepted. */
  get side(): number;
  /** Inode of the socket, as its connect or accept told it. */
  get socket(): bigint;
  /** The kernel's cookie of the socket. */
  get cookie(): bigint;
  /** Bytes of payload sent so far, those sent again counted again. Of Multipath TCP the kernel counts since 6.5. */
  get sent(): bigint;
  /** Bytes of payload received; the end that the other side sent counts as one. */
  get received(): bigint;
}

/** Standard input, output or error was replaced (dup, dup2, dup3, fcntl). The process row shows the new streams. */
export declare class Dup extends View {
  /** 0, 1 or 2. */
  get fd(): number;
  /** What it is now. */
  get stream(): number;
  /** Identity of what it is now, as in the stream table. */
  get identity(): bigint;
  /** How it can be used. */
  get marks(): number;
  /** Remote port, or index of the terminal. */
  get port(): number;
  /** Remote address of a socket. */
  get address(): Uint8Array;
}

/** A process made a pipe. */
export declare class Pipe extends View {
  /** Inode of the pipe. */
  get inode(): bigint;
  /** Descriptor of the read end. */
  get readFd(): number;
  /** Descriptor of the write end. */
  get writeFd(): number;
}

/** A process made a pair of connected unix sockets. */
export declare class Socketpair extends View {
  /** Inode of the first socket. */
  get first(): bigint;
  /** Inode of the second socket. */
  get second(): bigint;
}

/** A process made a pseudo-terminal and holds its master side. */
export declare class Terminal extends View {
  /** Its number below /dev/pts. */
  get index(): number;
  /** Device of its devpts. */
  get device(): bigint;
}

/** A process received a file descriptor over a unix socket (SCM_RIGHTS) or took it out of another process (pidfd_getfd). Told for each descriptor. */
export declare class Passed extends View {
  /** Its number in the receiver. */
  get fd(): number;
  /** What it is. */
  get stream(): number;
  /** Identity of what it is, as in the stream table. */
  get identity(): bigint;
  /** How it can be used. */
  get marks(): number;
  /** Remote port, or index of the terminal. */
  get port(): number;
  /** Remote address of a socket. */
  get address(): Uint8Array;
  /** Inode of the peer of a unix socket; device of a fifo or file. */
  get other(): bigint;
  /** The process at the other end of the unix socket, as it was when that was connected or made, or the process that it was taken out of. */
  get sender(): Process | null;
  /** Whether it was sent or taken. */
  get how(): number;
}

/** A process entered existing namespaces. The process row shows where it is now. */
export declare class Setns extends View {
  /** CLONE_NEW… bits given to the call; 0 means any. */
  get types(): number;
  /** CLONE_NEW… bits of the namespaces that are others now. */
  get changed(): number;
  /** Inode of the mount namespace after the call. */
  get mountNamespace(): number;
  /** Inode of the pid namespace of its children after the call. */
  get pidNamespace(): number;
}

/** A process left namespaces for new ones. */
export declare class Unshare extends View {
  /** CLONE_NEW… bits. */
  get types(): number;
}

/** A call of the mount family. */
export declare class Mount extends View {
  /** Where: the kernel's own path where one is known, else as given to the call, resolved where it could be (as-given). */
  get target(): Uint8Array;
  /** What, as given to the call. */
  get source(): Uint8Array;
  /** Flags of the call. */
  get flags(): number;
  /** What was mounted. */
  get marks(): number;
  /** Magic number of the file system, 0 where it is not known. */
  get filesystem(): number;
  /** Which call. */
  get operation(): number;
  /** Device of the file system. */
  get device(): number;
  /** Name of the file system's type. */
  get type(): Uint8Array;
}

/** A process was moved to another control group. For the agent's own context. */
export declare class CgroupMove extends View {
  /** Path of the group below the hierarchy's root. */
  get path(): Uint8Array;
  /** Id of the group. */
  get cgroup(): bigint;
  /** Number of the hierarchy. */
  get hierarchy(): number;
  /** The process that was moved. */
  get moved(): Process | null;
}

/** A process traced another one. */
export declare class Ptrace extends View {
  /** PTRACE_… request. */
  get request(): number;
  /** Address argument. */
  get address(): bigint;
  /** The traced process. */
  get tracee(): Process | null;
}

/** A process read or wrote another one's memory. */
export declare class ProcessMemory extends View {
  /** Read or write. */
  get access(): number;
  /** Whose memory. */
  get owner(): Process | null;
}

/** A process made an anonymous file in memory. */
export declare class Memfd extends View {
  /** Its name. */
  get name(): Uint8Array;
  /** MFD_… flags. */
  get flags(): number;
  /** Its inode. */
  get inode(): bigint;
}

/** A process asked for a kernel module to be loaded. */
export declare class Module extends View {
  /** The module's file, where it came from one. */
  get path(): Uint8Array;
  /** The module's name, where the kernel got so far as to read it. */
  get name(): Uint8Array;
}

/** A process loaded a BPF program, attached one or made a map. */
export declare class Bpf extends View {
  /** BPF_… command: 0 makes a map, 5 loads, 8, 17 and 28 attach. */
  get command(): number;
  /** Type of the program or map. */
  get type(): number;
  /** What kind of place it was attached to, of commands 8 and 28. */
  get attachment(): number;
  /** Name of the program or map. */
  get name(): Uint8Array;
}

/** Memory was made executable that is anonymous, writable, or was written before. */
export declare class ExecutableMemory extends View {
  /** Where it begins. */
  get address(): bigint;
  /** Bytes. */
  get length(): bigint;
  /** PROT_… bits. */
  get protection(): number;
  /** What it is. */
  get marks(): number;
  /** The file that is mapped there, if any. */
  get path(): Uint8Array;
}

/** A process worked on the kernel's keyrings (keyctl, add_key, request_key). */
export declare class Keyctl extends View {
  /** KEYCTL_… operation; 0xffff for add_key, 0xfffe for request_key. */
  get operation(): number;
  /** First argument of keyctl: mostly a key's serial number. */
  get key(): bigint;
  /** Type of the key, of add_key and request_key. */
  get type(): Uint8Array;
  /** Description of the key, of add_key and request_key. */
  get description(): Uint8Array;
}

/** A process takes the faults of its memory upon itself; exploits use it to win races against the kernel. */
export declare class Userfaultfd extends View {
  /** Flags of the call: 1 is user mode only. */
  get flags(): number;
}

/** A process opened a performance event. */
export declare class PerfEvent extends View {
  /** PERF_TYPE_… */
  get type(): number;
  /** Configuration; its meaning depends on the type. */
  get config(): bigint;
  /** The process that is observed, if one. */
  get observed(): Process | null;
}

/** A process made an io_uring. What is done through it is told by the same kinds as system calls, with the mark io-uring. */
export declare class IoUring extends View {
  /** Size of the submission queue. */
  get entries(): number;
  /** IORING_SETUP_… flags. */
  get flags(): number;
}

/** A control group was made. For the agent's own context. */
export declare class Cgroup extends View {
  /** Path below the hierarchy's root. */
  get path(): Uint8Array;
  /** Its id. */
  get cgroup(): bigint;
  /** Number of the hierarchy. */
  get hierarchy(): number;
}

/** What the container runtime says of a container. For the agent's own context. */
export declare class Container extends View {
  /** Its id. */
  get id(): Uint8Array;
  /** Its name. */
  get name(): Uint8Array;
  /** Id of its control group. */
  get cgroup(): bigint;
  /** What is known of it. */
  get marks(): number;
  /** Its image. */
  get image(): Uint8Array;
  /** Its pod. */
  get pod(): Uint8Array;
  /** The pod's namespace. */
  get namespace(): Uint8Array;
  /** Digest of its image. */
  get digest(): Uint8Array;
  /** A label, KEY=VALUE; further labels are further attributes of this key. */
  get label(): Uint8Array;
  /** What of the machine is mounted into it, SOURCE:DESTINATION:OPTIONS; further ones are further attributes of this key. */
  get mount(): Uint8Array;
  /** Who said so: runc, containerd, cri, podman, docker; several with commas. */
  get runtime(): Uint8Array;
  /** Bounding set of capabilities. */
  get capabilities(): bigint;
  /** Uid of the pod. */
  get podUid(): Uint8Array;
  /** Id of the container that it was made in, if it was. */
  get outer(): Uint8Array;
}

/** A control group was removed. For the agent's own context. */
export declare class CgroupRemoved extends View {
  /** Path below the hierarchy's root. */
  get path(): Uint8Array;
  /** Its id. */
  get cgroup(): bigint;
  /** Number of the hierarchy. */
  get hierarchy(): number;
}

/** A second of event time has passed. Its process is none. */
export declare class Tick extends View {
}

/** Events were lost since the last one of this kind. Its process is none. */
export declare class Loss extends View {
  /** How many. */
  get count(): bigint;
  /** Where. */
  get cause(): number;
  /** Number of the kind that was lost, 0 where it is not known. */
  get lostKind(): number;
  /** Id of the control group whose events were lost, 0 where it is not known. */
  get cgroup(): bigint;
  /** The same in the pids hierarchy of version 1, or 0. */
  get cgroupV1(): bigint;
}

/** A time that the plugin asked for has come. For this plugin alone; its process is none. */
export declare class Timer extends View {
  /** What the plugin gave it. */
  get token(): bigint;
  /** When it was due, ns since boot. */
  get due(): bigint;
}

/** What a service answered a plugin from the machine, kept so that a replay answers the same. For captures. */
export declare class Answer extends View {
  /** Id of the plugin, service, function and arguments. */
  get question(): Uint8Array;
  /** What was answered. */
  get answer(): Uint8Array;
  /** Id of the event that it was asked about. */
  get about(): bigint;
}

/** The operator's lists were loaded, at start or anew. Its process is none. */
export declare class Intel extends View {
  /** SHA-256 of their content. */
  get digest(): Uint8Array;
  /** How many entries they hold. */
  get entries(): bigint;
}

/** One event, as its kind: `event.connect` is null for events of other kinds. */
export declare class Event extends Slots {
  /** A process executed a new image. The process row is that of the new image. */
  get exec(): Exec | null;
  /** A process made another one; the target is the child. Threads are not told. One that makes namespaces goes through the security lane. */
  get fork(): Fork | null;
  /** The last thread of a process ended. */
  get exit(): Exit | null;
  /** A process that ran before the plugin's subscription began, or one whose beginning or execution was lost: then its row is marked incomplete. */
  get existing(): Existing | null;
  /** A process's user, group or effective capabilities changed; told once where all its threads change alike. The process row shows them after the change. */
  get credentials(): Credentials | null;
  /** A process sent a signal to another one. */
  get signal(): Signal | null;
  /** A file was opened. Told when the call succeeded, from the kernel's own copy. */
  get open(): Open | null;
  /** A file or directory was renamed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get rename(): Rename | null;
  /** A name of a file, or a directory, was removed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get unlink(): Unlink | null;
  /** A file got another name. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get link(): Link | null;
  /** A symbolic link was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get symlink(): Symlink | null;
  /** The mode of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get chmod(): Chmod | null;
  /** The owner or group of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get chown(): Chown | null;
  /** An extended attribute of a file was set or removed; file capabilities are security.capability. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get xattr(): Xattr | null;
  /** The flags of an inode were changed (chattr), for example immutable. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get fileFlags(): FileFlags | null;
  /** A file was cut or grown by truncate or ftruncate; an open that truncates is an open with O_TRUNC. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get truncate(): Truncate | null;
  /** A device, fifo, socket or plain file was made by mknod. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get mknod(): Mknod | null;
  /** A directory was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer. */
  get mkdir(): Mkdir | null;
  /** A file was mapped executable: a shared object was loaded. Of a process's own image and its interpreter `exec` tells. */
  get library(): Library | null;
  /** Pages of a file that was opened for reading only were put into a pipe: harmless, unless a fault of the kernel lets the pipe's writer change them. */
  get splice(): Splice | null;
  /** A process connected a socket; ret tells whether it was refused (-111) or is under way (-115). A TCP connection that a process begins by sending (TCP fast open) is told when it begins, as under way. */
  get connect(): Connect | null;
  /** A process accepted a connection. */
  get accept(): Accept | null;
  /** A process bound a socket to an address. */
  get bind(): Bind | null;
  /** A process waits for connections on a socket. */
  get listen(): Listen | null;
  /** The first bytes that a process sent on a flow. Told once for each of the first packets that carry data. */
  get sent(): Sent | null;
  /** A process made, or tried to make, a socket that few programs need: raw and packet sockets, every family but unix and the internet's, protocols other than TCP, UDP, MPTCP and ICMP, and of netlink xfrm, netfilter, RDMA and crypto. ret tells whether it was refused. */
  get socket(): Socket | null;
  /** A process sent a message to an address given with it (UDP, ICMP, unix, vsock, raw): told for the first to each address. Of UDP it is the kernel's copy, of the rest what the caller gave. */
  get send(): Send | null;
  /** The first bytes that came in on a flow. Told once for each of the first packets that carry data; those that came before the process accepted the connection are told when it does. */
  get received(): Received | null;
  /** A question to a name server, or its answer, on port 53. */
  get dns(): Dns | null;
  /** A process began a TLS connection: what its first message says in the clear. */
  get tls(): Tls | null;
  /** A process sent an ICMP message. Told for the first messages of a socket. */
  get icmp(): Icmp | null;
  /** A TCP connection of a process is over: the last process that held it closed it, both its directions were shut down, or it was broken off. The process is the one that connected or accepted; ret is 0, or tells why it broke off (-104 reset, -110 timed out, -111 refused). */
  get disconnect(): Disconnect | null;
  /** Standard input, output or error was replaced (dup, dup2, dup3, fcntl). The process row shows the new streams. */
  get dup(): Dup | null;
  /** A process made a pipe. */
  get pipe(): Pipe | null;
  /** A process made a pair of connected unix sockets. */
  get socketpair(): Socketpair | null;
  /** A process made a pseudo-terminal and holds its master side. */
  get terminal(): Terminal | null;
  /** A process received a file descriptor over a unix socket (SCM_RIGHTS) or took it out of another process (pidfd_getfd). Told for each descriptor. */
  get passed(): Passed | null;
  /** A process entered existing namespaces. The process row shows where it is now. */
  get setns(): Setns | null;
  /** A process left namespaces for new ones. */
  get unshare(): Unshare | null;
  /** A call of the mount family. */
  get mount(): Mount | null;
  /** A process was moved to another control group. For the agent's own context. */
  get cgroupMove(): CgroupMove | null;
  /** A process traced another one. */
  get ptrace(): Ptrace | null;
  /** A process read or wrote another one's memory. */
  get processMemory(): ProcessMemory | null;
  /** A process made an anonymous file in memory. */
  get memfd(): Memfd | null;
  /** A process asked for a kernel module to be loaded. */
  get module(): Module | null;
  /** A process loaded a BPF program, attached one or made a map. */
  get bpf(): Bpf | null;
  /** Memory was made executable that is anonymous, writable, or was written before. */
  get executableMemory(): ExecutableMemory | null;
  /** A process worked on the kernel's keyrings (keyctl, add_key, request_key). */
  get keyctl(): Keyctl | null;
  /** A process takes the faults of its memory upon itself; exploits use it to win races against the kernel. */
  get userfaultfd(): Userfaultfd | null;
  /** A process opened a performance event. */
  get perfEvent(): PerfEvent | null;
  /** A process made an io_uring. What is done through it is told by the same kinds as system calls, with the mark io-uring. */
  get ioUring(): IoUring | null;
  /** A control group was made. For the agent's own context. */
  get cgroup(): Cgroup | null;
  /** What the container runtime says of a container. For the agent's own context. */
  get container(): Container | null;
  /** A control group was removed. For the agent's own context. */
  get cgroupRemoved(): CgroupRemoved | null;
  /** A second of event time has passed. Its process is none. */
  get tick(): Tick | null;
  /** Events were lost since the last one of this kind. Its process is none. */
  get loss(): Loss | null;
  /** A time that the plugin asked for has come. For this plugin alone; its process is none. */
  get timer(): Timer | null;
  /** What a service answered a plugin from the machine, kept so that a replay answers the same. For captures. */
  get answer(): Answer | null;
  /** The operator's lists were loaded, at start or anew. Its process is none. */
  get intel(): Intel | null;
}
