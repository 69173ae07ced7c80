"""Values of the catalogue's sets: `process_mark.MEMFD_IMAGE`.

Written from wit/events.toml by `make docs`: change it there.
"""

from typing import Final


class event_mark:
    """How an event came about."""

    TRUNCATED: Final = 0x1
    """A text was longer than what was kept."""
    LATE: Final = 0x2
    """It was overtaken by an event that happened after it."""
    INCOMPLETE: Final = 0x4
    """The kernel could not read some field."""
    SYNTHETIC: Final = 0x8
    """Made by the agent from what it found, not by the kernel as it happened."""
    AS_GIVEN: Final = 0x10
    """The kernel keeps no copy of a path here: it was read from the caller's memory and resolved by the agent a moment later."""
    IO_URING: Final = 0x20
    """Done through io_uring instead of a system call of its own; incomplete too where no answer was asked for: it is told as it was asked, and what came of it is not known."""
    COMPAT: Final = 0x40
    """Done by a 32-bit system call; of an exec: the image is a 32-bit program."""


class process_mark:
    """What is known of a process beyond its fields."""

    EXISTING: Final = 0x1
    """It ran before the agent started."""
    INCOMPLETE: Final = 0x2
    """A life event of it was lost; the row was repaired from what was left."""
    JOINING: Final = 0x4
    """Its image was executed outside of the container that it is in now: a runtime setting it up."""
    EXITED: Final = 0x8
    """It is dead."""
    MEMFD_IMAGE: Final = 0x10
    """Its image lives in anonymous memory."""
    DELETED_IMAGE: Final = 0x20
    """Its image had no name in any directory when it was executed."""
    WRITTEN_IMAGE: Final = 0x40
    """Its image was written after the container's image was laid down (overlay upper layer)."""
    FOREIGN_IMAGE: Final = 0x80
    """Its image lies in a mount that is not of its own mount namespace."""
    KERNEL_THREAD: Final = 0x100
    """It has no user memory."""
    JOINING_INNER: Final = 0x200
    """Its image was executed in the container that its own was made in: a runtime inside of a container setting another one up, or whoever wants to pass for one."""
    HOST_MOUNT_NAMESPACE: Final = 0x10000
    """It is in the mount namespace of the machine's init."""
    HOST_PID_NAMESPACE: Final = 0x20000
    """It is in the pid namespace of the machine's init."""
    HOST_NETWORK_NAMESPACE: Final = 0x40000
    """It is in the network namespace of the machine's init."""
    HOST_USER_NAMESPACE: Final = 0x80000
    """It is in the user namespace of the machine's init."""


class image_class:
    """What an executed file is by its content, whatever its name."""

    UNKNOWN: Final = 0
    """Not read."""
    OTHER: Final = 1
    """None of the classes below."""
    SHELL: Final = 2
    """A command shell: it holds the grammar of one."""
    MULTICALL_SHELL: Final = 3
    """A shell among many applets, chosen by the name it is called by."""
    INTERPRETER: Final = 4
    """The runtime of a scripting language."""


class container_mark:
    """What is known of a container."""

    PENDING: Final = 0x1
    """Not all is known of it yet that its runtime can say."""
    PRIVILEGED: Final = 0x2
    """It was started with every capability."""
    HOST_PID: Final = 0x4
    """It shares the machine's pid namespace."""
    HOST_NETWORK: Final = 0x8
    """It shares the machine's network namespace."""
    HOST_IPC: Final = 0x10
    """It shares the machine's IPC namespace."""
    HOST_USER: Final = 0x20
    """It shares the machine's user namespace: its root is the machine's."""
    SANDBOX: Final = 0x40
    """It only holds the namespaces of a pod."""


class stream_kind:
    """What a file descriptor is."""

    CLOSED: Final = 0
    """Nothing."""
    FILE: Final = 1
    """A regular file or directory."""
    PIPE: Final = 2
    """An anonymous pipe."""
    FIFO: Final = 3
    """A pipe with a name in a directory."""
    TERMINAL: Final = 4
    """The slave side of a pseudo-terminal, or a console."""
    TERMINAL_MASTER: Final = 5
    """The master side of a pseudo-terminal."""
    INET: Final = 6
    """An IPv4 or IPv6 socket."""
    UNIX: Final = 7
    """A unix socket."""
    DEVICE: Final = 8
    """A character or block device other than a terminal."""
    MEMFD: Final = 9
    """An anonymous file in memory."""
    SOCKET: Final = 10
    """A socket of another family."""
    OTHER: Final = 11
    """Anything else."""


class stream_mark:
    """How a file descriptor can be used."""

    OUTBOUND: Final = 0x1
    """This side called connect."""
    ACCEPTED: Final = 0x2
    """This side accepted the connection."""
    LISTENING: Final = 0x4
    """The socket waits for connections."""
    READABLE: Final = 0x8
    """Open for reading."""
    WRITABLE: Final = 0x10
    """Open for writing."""
    DATAGRAM: Final = 0x20
    """Not a stream socket."""
    NULL: Final = 0x40
    """The null device."""


class passed_how:
    """How a descriptor came to a process."""

    MESSAGE: Final = 0
    """Somebody sent it over a unix socket."""
    FETCH: Final = 1
    """The process took it out of another one, which need not know of it (pidfd_getfd)."""


class open_mark:
    """What was opened and how it was reached."""

    FOREIGN_MOUNT: Final = 0x1
    """The file lies in a mount that is not of the process's mount namespace."""
    OUTSIDE_MOUNT: Final = 0x2
    """The file is not below the root of the mount that it was reached through."""
    BLOCK_DEVICE: Final = 0x4
    """A block device."""
    CHARACTER_DEVICE: Final = 0x8
    """A character device."""
    PROCESS_MEMORY: Final = 0x10
    """The memory of the target process (/proc/PID/mem)."""
    BY_HANDLE: Final = 0x20
    """Opened by a file handle (open_by_handle_at)."""
    FIFO: Final = 0x40
    """A named pipe."""
    RUNNING_IMAGE: Final = 0x80
    """A file that some process is executing."""
    CREATED: Final = 0x100
    """The call made the file."""


class mount_operation:
    """Which call of the mount family."""

    MOUNT: Final = 1
    """mount(2), a new file system."""
    BIND: Final = 2
    """mount(2) with MS_BIND."""
    REMOUNT: Final = 3
    """mount(2) with MS_REMOUNT."""
    PROPAGATION: Final = 4
    """mount(2) changing shared, private, slave or unbindable."""
    MOVE: Final = 5
    """mount(2) with MS_MOVE, or move_mount(2)."""
    UMOUNT: Final = 6
    """umount2(2)."""
    OPEN_TREE: Final = 7
    """open_tree(2), open_tree_attr(2)."""
    FSOPEN: Final = 8
    """fsopen(2)."""
    FSCONFIG: Final = 9
    """fsconfig(2)."""
    FSMOUNT: Final = 10
    """fsmount(2)."""
    PIVOT_ROOT: Final = 11
    """pivot_root(2)."""
    CHROOT: Final = 12
    """chroot(2)."""
    SETATTR: Final = 13
    """mount_setattr(2)."""
    FSPICK: Final = 14
    """fspick(2)."""


class mount_mark:
    """What was mounted."""

    BLOCK_DEVICE: Final = 0x1
    """The file system lives on a block device."""


class memory_access:
    """Direction of an access to another process's memory."""

    READ: Final = 0
    """process_vm_readv."""
    WRITE: Final = 1
    """process_vm_writev."""


class loss_cause:
    """Why events were lost."""

    SECURITY_RING_FULL: Final = 1
    """The ring of the security lane had no room."""
    BULK_RING_FULL: Final = 2
    """The ring of the bulk lane had no room."""
    FLOW_RING_FULL: Final = 3
    """The ring of payloads had no room."""
    DECODE: Final = 4
    """A record could not be decoded."""
    PLUGIN_QUEUE_FULL: Final = 5
    """A plugin did not keep up."""
    UNREADABLE: Final = 6
    """The kernel could not read what the event is about."""
    QUOTA: Final = 7
    """A ring was filling up and one control group had had its share of it."""
    RATE_LIMIT: Final = 8
    """A control group did more of a bulk kind than its rate allows."""


class action:
    """What a plugin may propose."""

    KILL: Final = 1
    """Kill the target process."""


class finding_detail:
    """What a finding says beyond its fields."""

    TECHNIQUE: Final = 1
    """An ATT&CK technique of this very case, in text; one that the rule declares, or a part of it."""
    NOTE: Final = 2
    """KEY=VALUE for people, in text."""


class failure:
    """Why a service gives no answer."""

    QUOTA: Final = 1
    """The plugin has had its share."""
    TOO_LARGE: Final = 2
    """What was given or asked for is larger than any may be."""
    UNAVAILABLE: Final = 3
    """It is not known here: a replay has no record of the answer."""
    NOT_FOUND: Final = 4
    """There is no such thing, or no longer."""
    CHANGED: Final = 5
    """What is there now is not what the event was about."""
    DENIED: Final = 6
    """The agent may not look there."""
    MALFORMED: Final = 7
    """It has not the form that was asked for, or what was given has not."""
    NOT_SENT: Final = 8
    """The event is not of the batch that is being judged."""


class file_role:
    """Which file of an event."""

    IMAGE: Final = 1
    """The image that the process runs."""
    PATH: Final = 2
    """The file in the slot text: what was opened, executed, renamed."""
    OTHER_PATH: Final = 3
    """The file in the slot text2: the earlier name of a rename or link; the new one is in text."""
    TARGET_IMAGE: Final = 4
    """The image that the target runs."""


class indicator:
    """What a list of the operator holds."""

    ADDRESS: Final = 1
    """An IP address, alone or in a network."""
    DOMAIN: Final = 2
    """A domain name with all below it."""
    HASH: Final = 3
    """SHA-256 of a file."""


class elf_mark:
    """What an ELF file is."""

    DYNAMIC: Final = 0x1
    """It is linked to shared objects."""
    POSITION_INDEPENDENT: Final = 0x2
    """It can be loaded anywhere."""
    STRIPPED: Final = 0x4
    """It has no table of symbols."""
    EXECUTABLE_STACK: Final = 0x8
    """It asks for a stack that can be executed."""
    WRITABLE_CODE: Final = 0x10
    """A segment of it is writable and executable."""
    NO_SECTIONS: Final = 0x20
    """It has no table of sections, as packers leave it."""


class credentials_cause:
    """What changed a process's credentials."""

    CALL: Final = 1
    """A system call that is made for it: setuid and its kin, capset."""
    IMAGE: Final = 2
    """Executing a file: its set-user-id or set-group-id bit, its file capabilities, or the rules for those whom it has none for."""
    NAMESPACE: Final = 3
    """Entering or making a user namespace. Of a child that is made in one, `fork` tells."""
    UNEXPLAINED: Final = 4
    """Nothing that may change them: the kernel was made to."""


class signal_result:
    """What became of a signal that was sent."""

    DELIVERED: Final = 0
    """The receiver gets it."""
    IGNORED: Final = 1
    """The receiver ignores it."""
    PENDING: Final = 2
    """The same one waited already."""
    OVERFLOW: Final = 3
    """The queue was full: the sender got an error."""
    LOST_INFORMATION: Final = 4
    """The queue was full: the receiver gets it without knowing from whom."""


class xattr_operation:
    """What was done to an extended attribute."""

    SET: Final = 1
    """setxattr and its kin."""
    REMOVE: Final = 2
    """removexattr and its kin."""


class memory_mark:
    """What memory became executable."""

    ANONYMOUS: Final = 0x1
    """Not of a file."""
    WRITABLE: Final = 0x2
    """It is writable at the same time."""
    WRITTEN: Final = 0x4
    """It was written before it was made executable."""
    STACK: Final = 0x8
    """A stack."""
    HEAP: Final = 0x10
    """The heap (brk)."""
    MAPPED: Final = 0x20
    """By mmap; otherwise by mprotect."""


class file_mark:
    """Where a mapped or spliced file comes from."""

    MEMFD: Final = 0x1
    """Anonymous memory."""
    DELETED: Final = 0x2
    """It has no name in any directory."""
    WRITTEN: Final = 0x4
    """Written after the container's image was laid down (overlay upper layer)."""
    FOREIGN_MOUNT: Final = 0x8
    """It lies in a mount that is not of the process's mount namespace."""
    WORLD_WRITABLE: Final = 0x10
    """It or its directory can be written by anybody."""
    READ_ONLY: Final = 0x20
    """It was opened for reading only."""
