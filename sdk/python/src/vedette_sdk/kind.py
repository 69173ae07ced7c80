"""Numbers of the kinds of event.

Written from wit/events.toml by `make docs`: change it there.
"""

from typing import Final

EXEC: Final = 1
"""A process executed a new image. The process row is that of the new image."""
FORK: Final = 2
"""A process made another one; the target is the child. Threads are not told. One that makes namespaces goes through the security lane."""
EXIT: Final = 3
"""The last thread of a process ended."""
EXISTING: Final = 4
"""A process that ran before the plugin's subscription began, or one whose beginning or execution was lost: then its row is marked incomplete."""
CREDENTIALS: Final = 5
"""A process's user, group or effective capabilities changed; told once where all its threads change alike. The process row shows them after the change."""
SIGNAL: Final = 6
"""A process sent a signal to another one."""
OPEN: Final = 16
"""A file was opened. Told when the call succeeded, from the kernel's own copy."""
RENAME: Final = 17
"""A file or directory was renamed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
UNLINK: Final = 18
"""A name of a file, or a directory, was removed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
LINK: Final = 19
"""A file got another name. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
SYMLINK: Final = 20
"""A symbolic link was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
CHMOD: Final = 21
"""The mode of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
CHOWN: Final = 22
"""The owner or group of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
XATTR: Final = 23
"""An extended attribute of a file was set or removed; file capabilities are security.capability. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
FILE_FLAGS: Final = 24
"""The flags of an inode were changed (chattr), for example immutable. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
TRUNCATE: Final = 25
"""A file was cut or grown by truncate or ftruncate; an open that truncates is an open with O_TRUNC. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
MKNOD: Final = 26
"""A device, fifo, socket or plain file was made by mknod. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
MKDIR: Final = 27
"""A directory was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
LIBRARY: Final = 28
"""A file was mapped executable: a shared object was loaded. Of a process's own image and its interpreter `exec` tells."""
SPLICE: Final = 29
"""Pages of a file that was opened for reading only were put into a pipe: harmless, unless a fault of the kernel lets the pipe's writer change them."""
CONNECT: Final = 32
"""A process connected a socket; ret tells whether it was refused (-111) or is under way (-115). A TCP connection that a process begins by sending (TCP fast open) is told when it begins, as under way."""
ACCEPT: Final = 33
"""A process accepted a connection."""
BIND: Final = 34
"""A process bound a socket to an address."""
LISTEN: Final = 35
"""A process waits for connections on a socket."""
SENT: Final = 36
"""The first bytes that a process sent on a flow. Told once for each of the first packets that carry data."""
SOCKET: Final = 37
"""A process made, or tried to make, a socket that few programs need: raw and packet sockets, every family but unix and the internet's, protocols other than TCP, UDP, MPTCP and ICMP, and of netlink xfrm, netfilter, RDMA and crypto. ret tells whether it was refused."""
SEND: Final = 38
"""A process sent a message to an address given with it (UDP, ICMP, unix, vsock, raw): told for the first to each address. Of UDP it is the kernel's copy, of the rest what the caller gave."""
RECEIVED: Final = 39
"""The first bytes that came in on a flow. Told once for each of the first packets that carry data; those that came before the process accepted the connection are told when it does."""
DNS: Final = 40
"""A question to a name server, or its answer, on port 53."""
TLS: Final = 41
"""A process began a TLS connection: what its first message says in the clear."""
ICMP: Final = 42
"""A process sent an ICMP message. Told for the first messages of a socket."""
DISCONNECT: Final = 43
"""A TCP connection of a process is over: the last process that held it closed it, both its directions were shut down, or it was broken off. The process is the one that connected or accepted; ret is 0, or tells why it broke off (-104 reset, -110 timed out, -111 refused)."""
DUP: Final = 48
"""Standard input, output or error was replaced (dup, dup2, dup3, fcntl). The process row shows the new streams."""
PIPE: Final = 49
"""A process made a pipe."""
SOCKETPAIR: Final = 50
"""A process made a pair of connected unix sockets."""
TERMINAL: Final = 51
"""A process made a pseudo-terminal and holds its master side."""
PASSED: Final = 52
"""A process received a file descriptor over a unix socket (SCM_RIGHTS) or took it out of another process (pidfd_getfd). Told for each descriptor."""
SETNS: Final = 64
"""A process entered existing namespaces. The process row shows where it is now."""
UNSHARE: Final = 65
"""A process left namespaces for new ones."""
MOUNT: Final = 66
"""A call of the mount family."""
CGROUP_MOVE: Final = 67
"""A process was moved to another control group. For the agent's own context."""
PTRACE: Final = 80
"""A process traced another one."""
PROCESS_MEMORY: Final = 81
"""A process read or wrote another one's memory."""
MEMFD: Final = 82
"""A process made an anonymous file in memory."""
MODULE: Final = 83
"""A process asked for a kernel module to be loaded."""
BPF: Final = 84
"""A process loaded a BPF program, attached one or made a map."""
EXECUTABLE_MEMORY: Final = 85
"""Memory was made executable that is anonymous, writable, or was written before."""
KEYCTL: Final = 86
"""A process worked on the kernel's keyrings (keyctl, add_key, request_key)."""
USERFAULTFD: Final = 87
"""A process takes the faults of its memory upon itself; exploits use it to win races against the kernel."""
PERF_EVENT: Final = 88
"""A process opened a performance event."""
IO_URING: Final = 89
"""A process made an io_uring. What is done through it is told by the same kinds as system calls, with the mark io-uring."""
CGROUP: Final = 96
"""A control group was made. For the agent's own context."""
CONTAINER: Final = 97
"""What the container runtime says of a container. For the agent's own context."""
CGROUP_REMOVED: Final = 98
"""A control group was removed. For the agent's own context."""
TICK: Final = 112
"""A second of event time has passed. Its process is none."""
LOSS: Final = 113
"""Events were lost since the last one of this kind. Its process is none."""
TIMER: Final = 114
"""A time that the plugin asked for has come. For this plugin alone; its process is none."""
ANSWER: Final = 115
"""What a service answered a plugin from the machine, kept so that a replay answers the same. For captures."""
INTEL: Final = 116
"""The operator's lists were loaded, at start or anew. Its process is none."""

NAMES: Final = {
    1: "exec",
    2: "fork",
    3: "exit",
    4: "existing",
    5: "credentials",
    6: "signal",
    16: "open",
    17: "rename",
    18: "unlink",
    19: "link",
    20: "symlink",
    21: "chmod",
    22: "chown",
    23: "xattr",
    24: "file-flags",
    25: "truncate",
    26: "mknod",
    27: "mkdir",
    28: "library",
    29: "splice",
    32: "connect",
    33: "accept",
    34: "bind",
    35: "listen",
    36: "sent",
    37: "socket",
    38: "send",
    39: "received",
    40: "dns",
    41: "tls",
    42: "icmp",
    43: "disconnect",
    48: "dup",
    49: "pipe",
    50: "socketpair",
    51: "terminal",
    52: "passed",
    64: "setns",
    65: "unshare",
    66: "mount",
    67: "cgroup-move",
    80: "ptrace",
    81: "process-memory",
    82: "memfd",
    83: "module",
    84: "bpf",
    85: "executable-memory",
    86: "keyctl",
    87: "userfaultfd",
    88: "perf-event",
    89: "io-uring",
    96: "cgroup",
    97: "container",
    98: "cgroup-removed",
    112: "tick",
    113: "loss",
    114: "timer",
    115: "answer",
    116: "intel",
}
"""Names of the kinds, as in manifests."""
