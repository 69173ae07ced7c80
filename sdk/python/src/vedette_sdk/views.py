"""A typed view for each kind of event: `event.connect.port`.

Written from wit/events.toml by `make docs`: change it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._slots import Slots
from ._view import ExecView, View

if TYPE_CHECKING:
    from .process import Process


class Exec(ExecView):
    """A process executed a new image. The process row is that of the new image."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The executed file, in the process's own root."""
        return self.event.text

    @property
    def filename(self) -> bytes:
        """The name given to the call; for a script the script's."""
        return self.event.text2

    @property
    def inode(self) -> int:
        """Inode of the executed file."""
        return self.event.a

    @property
    def device(self) -> int:
        """Device of the executed file."""
        return self.event.b & 0xFFFFFFFF

    @property
    def links(self) -> int:
        """Names that the executed file has."""
        return self.event.b >> 32


class Fork(View):
    """A process made another one; the target is the child. Threads are not told. One that makes namespaces goes through the security lane."""

    __slots__ = ()

    @property
    def child(self) -> Process | None:
        """The new process."""
        return self.event.target

    @property
    def namespaces(self) -> int:
        """CLONE_NEW… bits of the namespaces that the child does not share with its parent."""
        return self.event.a & 0xFFFFFFFF


class Exit(View):
    """The last thread of a process ended."""

    __slots__ = ()

    @property
    def code(self) -> int:
        """Wait status: exit code << 8, or the signal."""
        return self.event.a & 0xFFFFFFFF


class Existing(View):
    """A process that ran before the plugin's subscription began, or one whose beginning or execution was lost: then its row is marked incomplete."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The executed file."""
        return self.event.text


class Credentials(View):
    """A process's user, group or effective capabilities changed; told once where all its threads change alike. The process row shows them after the change."""

    __slots__ = ()

    @property
    def cause(self) -> int:
        """What changed them."""
        return self.event.a & 0xFFFFFFFF

    @property
    def old_uid(self) -> int:
        """Real user id before."""
        return self.event.a >> 32

    @property
    def old_effective_uid(self) -> int:
        """Effective user id before."""
        return self.event.b & 0xFFFFFFFF

    @property
    def effective_uid(self) -> int:
        """Effective user id now."""
        return self.event.b >> 32

    @property
    def old_capabilities(self) -> int:
        """Effective capabilities before."""
        return self.event.c

    @property
    def old_gid(self) -> int:
        """Real group id before."""
        return (self.event.attr(1) or 0) & 0xFFFFFFFF


class Signal(View):
    """A process sent a signal to another one."""

    __slots__ = ()

    @property
    def signal(self) -> int:
        """Its number."""
        return self.event.a & 0xFFFFFFFF

    @property
    def result(self) -> int:
        """What became of it."""
        return self.event.a >> 32

    @property
    def receiver(self) -> Process | None:
        """The process that it was sent to."""
        return self.event.target


class Open(View):
    """A file was opened. Told when the call succeeded, from the kernel's own copy."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The opened file after every link, in the process's own root."""
        return self.event.text

    @property
    def flags(self) -> int:
        """O_… flags of the open file."""
        return self.event.a & 0xFFFFFFFF

    @property
    def marks(self) -> int:
        """What was opened and how it was reached."""
        return self.event.a >> 32

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on; of a device file the device that it stands for."""
        return self.event.c & 0xFFFFFFFF

    @property
    def filesystem(self) -> int:
        """Magic number of the file system."""
        return self.event.c >> 32

    @property
    def owner(self) -> Process | None:
        """The process that a file below /proc/PID belongs to."""
        return self.event.target


class Rename(View):
    """A file or directory was renamed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """Its new path."""
        return self.event.text

    @property
    def old_path(self) -> bytes:
        """Its path before."""
        return self.event.text2

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF

    @property
    def flags(self) -> int:
        """RENAME_… flags."""
        return self.event.a & 0xFFFFFFFF


class Unlink(View):
    """A name of a file, or a directory, was removed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The name that is gone."""
        return self.event.text

    @property
    def flags(self) -> int:
        """AT_REMOVEDIR (0x200) for a directory."""
        return self.event.a & 0xFFFFFFFF

    @property
    def inode(self) -> int:
        """Inode; 0 where it is not known, as with every name that is told as given."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode was on."""
        return self.event.c & 0xFFFFFFFF


class Link(View):
    """A file got another name. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The new name."""
        return self.event.text

    @property
    def old_path(self) -> bytes:
        """The name that was linked to."""
        return self.event.text2

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Symlink(View):
    """A symbolic link was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The link."""
        return self.event.text

    @property
    def content(self) -> bytes:
        """What it says; it need not exist."""
        return self.event.text2

    @property
    def inode(self) -> int:
        """Inode of the link."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Chmod(View):
    """The mode of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def mode(self) -> int:
        """Permission bits given, with set-user-id (0x800) and set-group-id (0x400)."""
        return self.event.a & 0xFFFFFFFF

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Chown(View):
    """The owner or group of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def owner(self) -> int:
        """User id given; 0xffffffff leaves it."""
        return self.event.a & 0xFFFFFFFF

    @property
    def group(self) -> int:
        """Group id given; 0xffffffff leaves it."""
        return self.event.a >> 32

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Xattr(View):
    """An extended attribute of a file was set or removed; file capabilities are security.capability. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def name(self) -> bytes:
        """Name of the attribute."""
        return self.event.text2

    @property
    def operation(self) -> int:
        """Set or removed."""
        return self.event.a & 0xFFFFFFFF

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class FileFlags(View):
    """The flags of an inode were changed (chattr), for example immutable. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def flags(self) -> int:
        """FS_…_FL bits now: immutable 0x10, append-only 0x20."""
        return self.event.a & 0xFFFFFFFF

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Truncate(View):
    """A file was cut or grown by truncate or ftruncate; an open that truncates is an open with O_TRUNC. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def length(self) -> int:
        """Its length now, in bytes."""
        return self.event.a

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Mknod(View):
    """A device, fifo, socket or plain file was made by mknod. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def mode(self) -> int:
        """S_IF… type and permissions."""
        return self.event.a & 0xFFFFFFFF

    @property
    def stands_for(self) -> int:
        """The device that a device file stands for."""
        return self.event.a >> 32

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Mkdir(View):
    """A directory was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The directory."""
        return self.event.text

    @property
    def mode(self) -> int:
        """Permissions given."""
        return self.event.a & 0xFFFFFFFF

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Library(View):
    """A file was mapped executable: a shared object was loaded. Of a process's own image and its interpreter `exec` tells."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def marks(self) -> int:
        """Where it comes from."""
        return self.event.a & 0xFFFFFFFF

    @property
    def protection(self) -> int:
        """PROT_… bits."""
        return self.event.a >> 32

    @property
    def inode(self) -> int:
        """Inode."""
        return self.event.b

    @property
    def device(self) -> int:
        """Device that the inode is on."""
        return self.event.c & 0xFFFFFFFF


class Splice(View):
    """Pages of a file that was opened for reading only were put into a pipe: harmless, unless a fault of the kernel lets the pipe's writer change them."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The file."""
        return self.event.text

    @property
    def marks(self) -> int:
        """Where it comes from."""
        return self.event.a & 0xFFFFFFFF

    @property
    def pipe(self) -> int:
        """Inode of the pipe."""
        return self.event.c

    @property
    def inode(self) -> int:
        """Inode of the file."""
        return self.event.b


class Connect(View):
    """A process connected a socket; ret tells whether it was refused (-111) or is under way (-115). A TCP connection that a process begins by sending (TCP fast open) is told when it begins, as under way."""

    __slots__ = ()

    @property
    def address(self) -> bytes:
        """Remote address, the path of a unix socket, or the context id of a vsock one."""
        return self.event.text

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def family(self) -> int:
        """AF_… in the low half, SOCK_… in the high half."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def peer(self) -> Process | None:
        """The process at the other end of a unix socket."""
        return self.event.target


class Accept(View):
    """A process accepted a connection."""

    __slots__ = ()

    @property
    def address(self) -> bytes:
        """Remote address, the path of the unix socket, or the context id of a vsock one."""
        return self.event.text

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def family(self) -> int:
        """AF_… in the low half, SOCK_… in the high half."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the new socket."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the new socket."""
        return self.event.c

    @property
    def local_port(self) -> int:
        """Local port."""
        return (self.event.attr(1) or 0) & 0xFFFFFFFF

    @property
    def peer_socket(self) -> int:
        """Inode of the socket at the other end of a unix socket: `socket` of its connect."""
        return self.event.attr(2) or 0

    @property
    def peer(self) -> Process | None:
        """The process at the other end of a unix socket."""
        return self.event.target


class Bind(View):
    """A process bound a socket to an address."""

    __slots__ = ()

    @property
    def address(self) -> bytes:
        """Local address, the path of a unix socket, or the context id of a vsock one."""
        return self.event.text

    @property
    def port(self) -> int:
        """Local port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def family(self) -> int:
        """AF_… in the low half, SOCK_… in the high half."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket."""
        return self.event.b


class Listen(View):
    """A process waits for connections on a socket."""

    __slots__ = ()

    @property
    def address(self) -> bytes:
        """Local address, the path of a unix socket, or the context id of a vsock one."""
        return self.event.text

    @property
    def port(self) -> int:
        """Local port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def family(self) -> int:
        """AF_… in the low half, SOCK_… in the high half."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket."""
        return self.event.b


class Sent(View):
    """The first bytes that a process sent on a flow. Told once for each of the first packets that carry data."""

    __slots__ = ()

    @property
    def payload(self) -> bytes:
        """The bytes."""
        return self.event.text

    @property
    def address(self) -> bytes:
        """Remote address."""
        return self.event.text2

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def length(self) -> int:
        """Bytes of payload in the packet; `payload` may hold less."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket, 0 where it is not known."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def protocol(self) -> int:
        """IPPROTO_…: 6 TCP, 17 UDP."""
        return (self.event.attr(1) or 0) & 0xFFFFFFFF

    @property
    def marks(self) -> int:
        """Which side made the connection, or that there is none."""
        return (self.event.attr(2) or 0) & 0xFFFFFFFF


class Socket(View):
    """A process made, or tried to make, a socket that few programs need: raw and packet sockets, every family but unix and the internet's, protocols other than TCP, UDP, MPTCP and ICMP, and of netlink xfrm, netfilter, RDMA and crypto. ret tells whether it was refused."""

    __slots__ = ()

    @property
    def family(self) -> int:
        """AF_… in the low half, SOCK_… in the high half."""
        return self.event.a >> 32

    @property
    def protocol(self) -> int:
        """Protocol: IPPROTO_… or, for packet sockets, ETH_P_…"""
        return self.event.a & 0xFFFFFFFF

    @property
    def socket(self) -> int:
        """Inode of the socket."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket, 0 while it has none."""
        return self.event.c


class Send(View):
    """A process sent a message to an address given with it (UDP, ICMP, unix, vsock, raw): told for the first to each address. Of UDP it is the kernel's copy, of the rest what the caller gave."""

    __slots__ = ()

    @property
    def address(self) -> bytes:
        """Remote address, the path of a unix socket, or the context id of a vsock one."""
        return self.event.text

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def family(self) -> int:
        """AF_… in the low half, SOCK_… in the high half."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def peer(self) -> Process | None:
        """Not told: an address names a socket, and nothing says who holds it."""
        return self.event.target


class Received(View):
    """The first bytes that came in on a flow. Told once for each of the first packets that carry data; those that came before the process accepted the connection are told when it does."""

    __slots__ = ()

    @property
    def payload(self) -> bytes:
        """The bytes."""
        return self.event.text

    @property
    def address(self) -> bytes:
        """Remote address."""
        return self.event.text2

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def length(self) -> int:
        """Bytes of payload in the packet; `payload` may hold less."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket, 0 where it is not known."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def protocol(self) -> int:
        """IPPROTO_…: 6 TCP, 17 UDP."""
        return (self.event.attr(1) or 0) & 0xFFFFFFFF

    @property
    def marks(self) -> int:
        """Which side made the connection, or that there is none."""
        return (self.event.attr(2) or 0) & 0xFFFFFFFF


class Dns(View):
    """A question to a name server, or its answer, on port 53."""

    __slots__ = ()

    @property
    def name(self) -> bytes:
        """The name that is asked for, without the final dot, in lower case."""
        return self.event.text

    @property
    def address(self) -> bytes:
        """Address of the name server."""
        return self.event.text2

    @property
    def type(self) -> int:
        """Type of the question: 1 A, 28 AAAA, 16 TXT …"""
        return self.event.a & 0xFFFFFFFF

    @property
    def code(self) -> int:
        """Code of the answer: 0 found, 3 no such name; 0 in a question."""
        return self.event.a >> 32

    @property
    def answers(self) -> int:
        """Records in the answer; 0 in a question."""
        return self.event.b & 0xFFFFFFFF

    @property
    def is_answer(self) -> int:
        """1 for an answer."""
        return self.event.b >> 32

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def answer(self) -> bytes:
        """The first address of the answer; further addresses are further attributes of this key."""
        return self.event.attr_text(1)


class Tls(View):
    """A process began a TLS connection: what its first message says in the clear."""

    __slots__ = ()

    @property
    def server_name(self) -> bytes:
        """The name that the client asks for, empty if it gives none."""
        return self.event.text

    @property
    def address(self) -> bytes:
        """Remote address."""
        return self.event.text2

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def version(self) -> int:
        """Highest version that the client offers: 0x303 is 1.2, 0x304 is 1.3."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket, 0 where it is not known."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def protocols(self) -> bytes:
        """Application protocols that the client offers (ALPN), a comma between."""
        return self.event.attr_text(1)


class Icmp(View):
    """A process sent an ICMP message. Told for the first messages of a socket."""

    __slots__ = ()

    @property
    def payload(self) -> bytes:
        """The bytes after the ICMP header."""
        return self.event.text

    @property
    def address(self) -> bytes:
        """Remote address."""
        return self.event.text2

    @property
    def type(self) -> int:
        """ICMP type: 8 (IPv4) and 128 (IPv6) are echo requests."""
        return self.event.a & 0xFFFFFFFF

    @property
    def length(self) -> int:
        """Bytes after the ICMP header; `payload` may hold less."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket, 0 where it is not known."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c


class Disconnect(View):
    """A TCP connection of a process is over: the last process that held it closed it, both its directions were shut down, or it was broken off. The process is the one that connected or accepted; ret is 0, or tells why it broke off (-104 reset, -110 timed out, -111 refused)."""

    __slots__ = ()

    @property
    def address(self) -> bytes:
        """Remote address."""
        return self.event.text

    @property
    def port(self) -> int:
        """Remote port."""
        return self.event.a & 0xFFFFFFFF

    @property
    def side(self) -> int:
        """Which side made it: outbound or accepted."""
        return self.event.a >> 32

    @property
    def socket(self) -> int:
        """Inode of the socket, as its connect or accept told it."""
        return self.event.b

    @property
    def cookie(self) -> int:
        """The kernel's cookie of the socket."""
        return self.event.c

    @property
    def sent(self) -> int:
        """Bytes of payload sent so far, those sent again counted again. Of Multipath TCP the kernel counts since 6.5."""
        return self.event.attr(1) or 0

    @property
    def received(self) -> int:
        """Bytes of payload received; the end that the other side sent counts as one."""
        return self.event.attr(2) or 0


class Dup(View):
    """Standard input, output or error was replaced (dup, dup2, dup3, fcntl). The process row shows the new streams."""

    __slots__ = ()

    @property
    def fd(self) -> int:
        """0, 1 or 2."""
        return self.event.a & 0xFFFFFFFF

    @property
    def stream(self) -> int:
        """What it is now."""
        return self.event.a >> 32

    @property
    def identity(self) -> int:
        """Identity of what it is now, as in the stream table."""
        return self.event.b

    @property
    def marks(self) -> int:
        """How it can be used."""
        return self.event.c & 0xFFFFFFFF

    @property
    def port(self) -> int:
        """Remote port, or index of the terminal."""
        return self.event.c >> 32

    @property
    def address(self) -> bytes:
        """Remote address of a socket."""
        return self.event.text


class Pipe(View):
    """A process made a pipe."""

    __slots__ = ()

    @property
    def inode(self) -> int:
        """Inode of the pipe."""
        return self.event.a

    @property
    def read_fd(self) -> int:
        """Descriptor of the read end."""
        return self.event.b & 0xFFFFFFFF

    @property
    def write_fd(self) -> int:
        """Descriptor of the write end."""
        return self.event.b >> 32


class Socketpair(View):
    """A process made a pair of connected unix sockets."""

    __slots__ = ()

    @property
    def first(self) -> int:
        """Inode of the first socket."""
        return self.event.a

    @property
    def second(self) -> int:
        """Inode of the second socket."""
        return self.event.b


class Terminal(View):
    """A process made a pseudo-terminal and holds its master side."""

    __slots__ = ()

    @property
    def index(self) -> int:
        """Its number below /dev/pts."""
        return self.event.a & 0xFFFFFFFF

    @property
    def device(self) -> int:
        """Device of its devpts."""
        return self.event.b


class Passed(View):
    """A process received a file descriptor over a unix socket (SCM_RIGHTS) or took it out of another process (pidfd_getfd). Told for each descriptor."""

    __slots__ = ()

    @property
    def fd(self) -> int:
        """Its number in the receiver."""
        return self.event.a & 0xFFFFFFFF

    @property
    def stream(self) -> int:
        """What it is."""
        return self.event.a >> 32

    @property
    def identity(self) -> int:
        """Identity of what it is, as in the stream table."""
        return self.event.b

    @property
    def marks(self) -> int:
        """How it can be used."""
        return self.event.c & 0xFFFFFFFF

    @property
    def port(self) -> int:
        """Remote port, or index of the terminal."""
        return self.event.c >> 32

    @property
    def address(self) -> bytes:
        """Remote address of a socket."""
        return self.event.text

    @property
    def other(self) -> int:
        """Inode of the peer of a unix socket; device of a fifo or file."""
        return self.event.attr(1) or 0

    @property
    def sender(self) -> Process | None:
        """The process at the other end of the unix socket, as it was when that was connected or made, or the process that it was taken out of."""
        return self.event.target

    @property
    def how(self) -> int:
        """Whether it was sent or taken."""
        return (self.event.attr(2) or 0) & 0xFFFFFFFF


class Setns(View):
    """A process entered existing namespaces. The process row shows where it is now."""

    __slots__ = ()

    @property
    def types(self) -> int:
        """CLONE_NEW… bits given to the call; 0 means any."""
        return self.event.a & 0xFFFFFFFF

    @property
    def changed(self) -> int:
        """CLONE_NEW… bits of the namespaces that are others now."""
        return self.event.a >> 32

    @property
    def mount_namespace(self) -> int:
        """Inode of the mount namespace after the call."""
        return self.event.b & 0xFFFFFFFF

    @property
    def pid_namespace(self) -> int:
        """Inode of the pid namespace of its children after the call."""
        return self.event.b >> 32


class Unshare(View):
    """A process left namespaces for new ones."""

    __slots__ = ()

    @property
    def types(self) -> int:
        """CLONE_NEW… bits."""
        return self.event.a & 0xFFFFFFFF


class Mount(View):
    """A call of the mount family."""

    __slots__ = ()

    @property
    def target(self) -> bytes:
        """Where: the kernel's own path where one is known, else as given to the call, resolved where it could be (as-given)."""
        return self.event.text

    @property
    def source(self) -> bytes:
        """What, as given to the call."""
        return self.event.text2

    @property
    def flags(self) -> int:
        """Flags of the call."""
        return self.event.a & 0xFFFFFFFF

    @property
    def marks(self) -> int:
        """What was mounted."""
        return self.event.a >> 32

    @property
    def filesystem(self) -> int:
        """Magic number of the file system, 0 where it is not known."""
        return self.event.b & 0xFFFFFFFF

    @property
    def operation(self) -> int:
        """Which call."""
        return self.event.b >> 32

    @property
    def device(self) -> int:
        """Device of the file system."""
        return self.event.c & 0xFFFFFFFF

    @property
    def type(self) -> bytes:
        """Name of the file system's type."""
        return self.event.attr_text(1)


class CgroupMove(View):
    """A process was moved to another control group. For the agent's own context."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """Path of the group below the hierarchy's root."""
        return self.event.text

    @property
    def cgroup(self) -> int:
        """Id of the group."""
        return self.event.a

    @property
    def hierarchy(self) -> int:
        """Number of the hierarchy."""
        return self.event.b & 0xFFFFFFFF

    @property
    def moved(self) -> Process | None:
        """The process that was moved."""
        return self.event.target


class Ptrace(View):
    """A process traced another one."""

    __slots__ = ()

    @property
    def request(self) -> int:
        """PTRACE_… request."""
        return self.event.a & 0xFFFFFFFF

    @property
    def address(self) -> int:
        """Address argument."""
        return self.event.b

    @property
    def tracee(self) -> Process | None:
        """The traced process."""
        return self.event.target


class ProcessMemory(View):
    """A process read or wrote another one's memory."""

    __slots__ = ()

    @property
    def access(self) -> int:
        """Read or write."""
        return self.event.a & 0xFFFFFFFF

    @property
    def owner(self) -> Process | None:
        """Whose memory."""
        return self.event.target


class Memfd(View):
    """A process made an anonymous file in memory."""

    __slots__ = ()

    @property
    def name(self) -> bytes:
        """Its name."""
        return self.event.text

    @property
    def flags(self) -> int:
        """MFD_… flags."""
        return self.event.a & 0xFFFFFFFF

    @property
    def inode(self) -> int:
        """Its inode."""
        return self.event.b


class Module(View):
    """A process asked for a kernel module to be loaded."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """The module's file, where it came from one."""
        return self.event.text

    @property
    def name(self) -> bytes:
        """The module's name, where the kernel got so far as to read it."""
        return self.event.text2


class Bpf(View):
    """A process loaded a BPF program, attached one or made a map."""

    __slots__ = ()

    @property
    def command(self) -> int:
        """BPF_… command: 0 makes a map, 5 loads, 8, 17 and 28 attach."""
        return self.event.a & 0xFFFFFFFF

    @property
    def type(self) -> int:
        """Type of the program or map."""
        return self.event.a >> 32

    @property
    def attachment(self) -> int:
        """What kind of place it was attached to, of commands 8 and 28."""
        return self.event.b & 0xFFFFFFFF

    @property
    def name(self) -> bytes:
        """Name of the program or map."""
        return self.event.text


class ExecutableMemory(View):
    """Memory was made executable that is anonymous, writable, or was written before."""

    __slots__ = ()

    @property
    def address(self) -> int:
        """Where it begins."""
        return self.event.b

    @property
    def length(self) -> int:
        """Bytes."""
        return self.event.c

    @property
    def protection(self) -> int:
        """PROT_… bits."""
        return self.event.a & 0xFFFFFFFF

    @property
    def marks(self) -> int:
        """What it is."""
        return self.event.a >> 32

    @property
    def path(self) -> bytes:
        """The file that is mapped there, if any."""
        return self.event.text


class Keyctl(View):
    """A process worked on the kernel's keyrings (keyctl, add_key, request_key)."""

    __slots__ = ()

    @property
    def operation(self) -> int:
        """KEYCTL_… operation; 0xffff for add_key, 0xfffe for request_key."""
        return self.event.a & 0xFFFFFFFF

    @property
    def key(self) -> int:
        """First argument of keyctl: mostly a key's serial number."""
        return self.event.b

    @property
    def type(self) -> bytes:
        """Type of the key, of add_key and request_key."""
        return self.event.text

    @property
    def description(self) -> bytes:
        """Description of the key, of add_key and request_key."""
        return self.event.text2


class Userfaultfd(View):
    """A process takes the faults of its memory upon itself; exploits use it to win races against the kernel."""

    __slots__ = ()

    @property
    def flags(self) -> int:
        """Flags of the call: 1 is user mode only."""
        return self.event.a & 0xFFFFFFFF


class PerfEvent(View):
    """A process opened a performance event."""

    __slots__ = ()

    @property
    def type(self) -> int:
        """PERF_TYPE_…"""
        return self.event.a & 0xFFFFFFFF

    @property
    def config(self) -> int:
        """Configuration; its meaning depends on the type."""
        return self.event.b

    @property
    def observed(self) -> Process | None:
        """The process that is observed, if one."""
        return self.event.target


class IoUring(View):
    """A process made an io_uring. What is done through it is told by the same kinds as system calls, with the mark io-uring."""

    __slots__ = ()

    @property
    def entries(self) -> int:
        """Size of the submission queue."""
        return self.event.a & 0xFFFFFFFF

    @property
    def flags(self) -> int:
        """IORING_SETUP_… flags."""
        return self.event.a >> 32


class Cgroup(View):
    """A control group was made. For the agent's own context."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """Path below the hierarchy's root."""
        return self.event.text

    @property
    def cgroup(self) -> int:
        """Its id."""
        return self.event.a

    @property
    def hierarchy(self) -> int:
        """Number of the hierarchy."""
        return self.event.b & 0xFFFFFFFF


class Container(View):
    """What the container runtime says of a container. For the agent's own context."""

    __slots__ = ()

    @property
    def id(self) -> bytes:
        """Its id."""
        return self.event.text

    @property
    def name(self) -> bytes:
        """Its name."""
        return self.event.text2

    @property
    def cgroup(self) -> int:
        """Id of its control group."""
        return self.event.a

    @property
    def marks(self) -> int:
        """What is known of it."""
        return self.event.b & 0xFFFFFFFF

    @property
    def image(self) -> bytes:
        """Its image."""
        return self.event.attr_text(1)

    @property
    def pod(self) -> bytes:
        """Its pod."""
        return self.event.attr_text(2)

    @property
    def namespace(self) -> bytes:
        """The pod's namespace."""
        return self.event.attr_text(3)

    @property
    def digest(self) -> bytes:
        """Digest of its image."""
        return self.event.attr_text(4)

    @property
    def label(self) -> bytes:
        """A label, KEY=VALUE; further labels are further attributes of this key."""
        return self.event.attr_text(5)

    @property
    def mount(self) -> bytes:
        """What of the machine is mounted into it, SOURCE:DESTINATION:OPTIONS; further ones are further attributes of this key."""
        return self.event.attr_text(6)

    @property
    def runtime(self) -> bytes:
        """Who said so: runc, containerd, cri, podman, docker; several with commas."""
        return self.event.attr_text(7)

    @property
    def capabilities(self) -> int:
        """Bounding set of capabilities."""
        return self.event.attr(8) or 0

    @property
    def pod_uid(self) -> bytes:
        """Uid of the pod."""
        return self.event.attr_text(9)

    @property
    def outer(self) -> bytes:
        """Id of the container that it was made in, if it was."""
        return self.event.attr_text(10)


class CgroupRemoved(View):
    """A control group was removed. For the agent's own context."""

    __slots__ = ()

    @property
    def path(self) -> bytes:
        """Path below the hierarchy's root."""
        return self.event.text

    @property
    def cgroup(self) -> int:
        """Its id."""
        return self.event.a

    @property
    def hierarchy(self) -> int:
        """Number of the hierarchy."""
        return self.event.b & 0xFFFFFFFF


class Tick(View):
    """A second of event time has passed. Its process is none."""

    __slots__ = ()


class Loss(View):
    """Events were lost since the last one of this kind. Its process is none."""

    __slots__ = ()

    @property
    def count(self) -> int:
        """How many."""
        return self.event.a

    @property
    def cause(self) -> int:
        """Where."""
        return self.event.b & 0xFFFFFFFF

    @property
    def lost_kind(self) -> int:
        """Number of the kind that was lost, 0 where it is not known."""
        return self.event.b >> 32

    @property
    def cgroup(self) -> int:
        """Id of the control group whose events were lost, 0 where it is not known."""
        return self.event.c

    @property
    def cgroup_v1(self) -> int:
        """The same in the pids hierarchy of version 1, or 0."""
        return self.event.attr(1) or 0


class Timer(View):
    """A time that the plugin asked for has come. For this plugin alone; its process is none."""

    __slots__ = ()

    @property
    def token(self) -> int:
        """What the plugin gave it."""
        return self.event.a

    @property
    def due(self) -> int:
        """When it was due, ns since boot."""
        return self.event.b


class Answer(View):
    """What a service answered a plugin from the machine, kept so that a replay answers the same. For captures."""

    __slots__ = ()

    @property
    def question(self) -> bytes:
        """Id of the plugin, service, function and arguments."""
        return self.event.text

    @property
    def answer(self) -> bytes:
        """What was answered."""
        return self.event.text2

    @property
    def about(self) -> int:
        """Id of the event that it was asked about."""
        return self.event.a


class Intel(View):
    """The operator's lists were loaded, at start or anew. Its process is none."""

    __slots__ = ()

    @property
    def digest(self) -> bytes:
        """SHA-256 of their content."""
        return self.event.text

    @property
    def entries(self) -> int:
        """How many entries they hold."""
        return self.event.a


class Event(Slots):
    """One event, as its kind: `event.connect` is None for events of other kinds."""

    __slots__ = ()

    @property
    def exec(self) -> Exec | None:
        """A process executed a new image. The process row is that of the new image."""
        return Exec(self) if self.kind == 1 else None

    @property
    def fork(self) -> Fork | None:
        """A process made another one; the target is the child. Threads are not told. One that makes namespaces goes through the security lane."""
        return Fork(self) if self.kind == 2 else None

    @property
    def exit(self) -> Exit | None:
        """The last thread of a process ended."""
        return Exit(self) if self.kind == 3 else None

    @property
    def existing(self) -> Existing | None:
        """A process that ran before the plugin's subscription began, or one whose beginning or execution was lost: then its row is marked incomplete."""
        return Existing(self) if self.kind == 4 else None

    @property
    def credentials(self) -> Credentials | None:
        """A process's user, group or effective capabilities changed; told once where all its threads change alike. The process row shows them after the change."""
        return Credentials(self) if self.kind == 5 else None

    @property
    def signal(self) -> Signal | None:
        """A process sent a signal to another one."""
        return Signal(self) if self.kind == 6 else None

    @property
    def open(self) -> Open | None:
        """A file was opened. Told when the call succeeded, from the kernel's own copy."""
        return Open(self) if self.kind == 16 else None

    @property
    def rename(self) -> Rename | None:
        """A file or directory was renamed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Rename(self) if self.kind == 17 else None

    @property
    def unlink(self) -> Unlink | None:
        """A name of a file, or a directory, was removed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Unlink(self) if self.kind == 18 else None

    @property
    def link(self) -> Link | None:
        """A file got another name. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Link(self) if self.kind == 19 else None

    @property
    def symlink(self) -> Symlink | None:
        """A symbolic link was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Symlink(self) if self.kind == 20 else None

    @property
    def chmod(self) -> Chmod | None:
        """The mode of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Chmod(self) if self.kind == 21 else None

    @property
    def chown(self) -> Chown | None:
        """The owner or group of a file was changed. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Chown(self) if self.kind == 22 else None

    @property
    def xattr(self) -> Xattr | None:
        """An extended attribute of a file was set or removed; file capabilities are security.capability. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Xattr(self) if self.kind == 23 else None

    @property
    def file_flags(self) -> FileFlags | None:
        """The flags of an inode were changed (chattr), for example immutable. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return FileFlags(self) if self.kind == 24 else None

    @property
    def truncate(self) -> Truncate | None:
        """A file was cut or grown by truncate or ftruncate; an open that truncates is an open with O_TRUNC. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Truncate(self) if self.kind == 25 else None

    @property
    def mknod(self) -> Mknod | None:
        """A device, fifo, socket or plain file was made by mknod. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Mknod(self) if self.kind == 26 else None

    @property
    def mkdir(self) -> Mkdir | None:
        """A directory was made. Told also when it was refused (EPERM, EACCES, EROFS), with that answer."""
        return Mkdir(self) if self.kind == 27 else None

    @property
    def library(self) -> Library | None:
        """A file was mapped executable: a shared object was loaded. Of a process's own image and its interpreter `exec` tells."""
        return Library(self) if self.kind == 28 else None

    @property
    def splice(self) -> Splice | None:
        """Pages of a file that was opened for reading only were put into a pipe: harmless, unless a fault of the kernel lets the pipe's writer change them."""
        return Splice(self) if self.kind == 29 else None

    @property
    def connect(self) -> Connect | None:
        """A process connected a socket; ret tells whether it was refused (-111) or is under way (-115). A TCP connection that a process begins by sending (TCP fast open) is told when it begins, as under way."""
        return Connect(self) if self.kind == 32 else None

    @property
    def accept(self) -> Accept | None:
        """A process accepted a connection."""
        return Accept(self) if self.kind == 33 else None

    @property
    def bind(self) -> Bind | None:
        """A process bound a socket to an address."""
        return Bind(self) if self.kind == 34 else None

    @property
    def listen(self) -> Listen | None:
        """A process waits for connections on a socket."""
        return Listen(self) if self.kind == 35 else None

    @property
    def sent(self) -> Sent | None:
        """The first bytes that a process sent on a flow. Told once for each of the first packets that carry data."""
        return Sent(self) if self.kind == 36 else None

    @property
    def socket(self) -> Socket | None:
        """A process made, or tried to make, a socket that few programs need: raw and packet sockets, every family but unix and the internet's, protocols other than TCP, UDP, MPTCP and ICMP, and of netlink xfrm, netfilter, RDMA and crypto. ret tells whether it was refused."""
        return Socket(self) if self.kind == 37 else None

    @property
    def send(self) -> Send | None:
        """A process sent a message to an address given with it (UDP, ICMP, unix, vsock, raw): told for the first to each address. Of UDP it is the kernel's copy, of the rest what the caller gave."""
        return Send(self) if self.kind == 38 else None

    @property
    def received(self) -> Received | None:
        """The first bytes that came in on a flow. Told once for each of the first packets that carry data; those that came before the process accepted the connection are told when it does."""
        return Received(self) if self.kind == 39 else None

    @property
    def dns(self) -> Dns | None:
        """A question to a name server, or its answer, on port 53."""
        return Dns(self) if self.kind == 40 else None

    @property
    def tls(self) -> Tls | None:
        """A process began a TLS connection: what its first message says in the clear."""
        return Tls(self) if self.kind == 41 else None

    @property
    def icmp(self) -> Icmp | None:
        """A process sent an ICMP message. Told for the first messages of a socket."""
        return Icmp(self) if self.kind == 42 else None

    @property
    def disconnect(self) -> Disconnect | None:
        """A TCP connection of a process is over: the last process that held it closed it, both its directions were shut down, or it was broken off. The process is the one that connected or accepted; ret is 0, or tells why it broke off (-104 reset, -110 timed out, -111 refused)."""
        return Disconnect(self) if self.kind == 43 else None

    @property
    def dup(self) -> Dup | None:
        """Standard input, output or error was replaced (dup, dup2, dup3, fcntl). The process row shows the new streams."""
        return Dup(self) if self.kind == 48 else None

    @property
    def pipe(self) -> Pipe | None:
        """A process made a pipe."""
        return Pipe(self) if self.kind == 49 else None

    @property
    def socketpair(self) -> Socketpair | None:
        """A process made a pair of connected unix sockets."""
        return Socketpair(self) if self.kind == 50 else None

    @property
    def terminal(self) -> Terminal | None:
        """A process made a pseudo-terminal and holds its master side."""
        return Terminal(self) if self.kind == 51 else None

    @property
    def passed(self) -> Passed | None:
        """A process received a file descriptor over a unix socket (SCM_RIGHTS) or took it out of another process (pidfd_getfd). Told for each descriptor."""
        return Passed(self) if self.kind == 52 else None

    @property
    def setns(self) -> Setns | None:
        """A process entered existing namespaces. The process row shows where it is now."""
        return Setns(self) if self.kind == 64 else None

    @property
    def unshare(self) -> Unshare | None:
        """A process left namespaces for new ones."""
        return Unshare(self) if self.kind == 65 else None

    @property
    def mount(self) -> Mount | None:
        """A call of the mount family."""
        return Mount(self) if self.kind == 66 else None

    @property
    def cgroup_move(self) -> CgroupMove | None:
        """A process was moved to another control group. For the agent's own context."""
        return CgroupMove(self) if self.kind == 67 else None

    @property
    def ptrace(self) -> Ptrace | None:
        """A process traced another one."""
        return Ptrace(self) if self.kind == 80 else None

    @property
    def process_memory(self) -> ProcessMemory | None:
        """A process read or wrote another one's memory."""
        return ProcessMemory(self) if self.kind == 81 else None

    @property
    def memfd(self) -> Memfd | None:
        """A process made an anonymous file in memory."""
        return Memfd(self) if self.kind == 82 else None

    @property
    def module(self) -> Module | None:
        """A process asked for a kernel module to be loaded."""
        return Module(self) if self.kind == 83 else None

    @property
    def bpf(self) -> Bpf | None:
        """A process loaded a BPF program, attached one or made a map."""
        return Bpf(self) if self.kind == 84 else None

    @property
    def executable_memory(self) -> ExecutableMemory | None:
        """Memory was made executable that is anonymous, writable, or was written before."""
        return ExecutableMemory(self) if self.kind == 85 else None

    @property
    def keyctl(self) -> Keyctl | None:
        """A process worked on the kernel's keyrings (keyctl, add_key, request_key)."""
        return Keyctl(self) if self.kind == 86 else None

    @property
    def userfaultfd(self) -> Userfaultfd | None:
        """A process takes the faults of its memory upon itself; exploits use it to win races against the kernel."""
        return Userfaultfd(self) if self.kind == 87 else None

    @property
    def perf_event(self) -> PerfEvent | None:
        """A process opened a performance event."""
        return PerfEvent(self) if self.kind == 88 else None

    @property
    def io_uring(self) -> IoUring | None:
        """A process made an io_uring. What is done through it is told by the same kinds as system calls, with the mark io-uring."""
        return IoUring(self) if self.kind == 89 else None

    @property
    def cgroup(self) -> Cgroup | None:
        """A control group was made. For the agent's own context."""
        return Cgroup(self) if self.kind == 96 else None

    @property
    def container(self) -> Container | None:
        """What the container runtime says of a container. For the agent's own context."""
        return Container(self) if self.kind == 97 else None

    @property
    def cgroup_removed(self) -> CgroupRemoved | None:
        """A control group was removed. For the agent's own context."""
        return CgroupRemoved(self) if self.kind == 98 else None

    @property
    def tick(self) -> Tick | None:
        """A second of event time has passed. Its process is none."""
        return Tick(self) if self.kind == 112 else None

    @property
    def loss(self) -> Loss | None:
        """Events were lost since the last one of this kind. Its process is none."""
        return Loss(self) if self.kind == 113 else None

    @property
    def timer(self) -> Timer | None:
        """A time that the plugin asked for has come. For this plugin alone; its process is none."""
        return Timer(self) if self.kind == 114 else None

    @property
    def answer(self) -> Answer | None:
        """What a service answered a plugin from the machine, kept so that a replay answers the same. For captures."""
        return Answer(self) if self.kind == 115 else None

    @property
    def intel(self) -> Intel | None:
        """The operator's lists were loaded, at start or anew. Its process is none."""
        return Intel(self) if self.kind == 116 else None
