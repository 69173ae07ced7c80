/* What a file descriptor is, by the identity of the object behind it. */
#pragma once
#include "connection.h"

/* Bytes of a file's path that a stream keeps: its end. */
#define STREAM_PATH 256

#define MAJOR(dev) ((dev) >> 20)
#define MINOR(dev) ((dev)&0xfffff)

static __always_inline struct sock *sock_of(struct file *file)
{
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline u64 inode_of_socket(struct socket *socket)
{
	if (!socket)
		return 0;
	struct socket_alloc *both =
		(void *)socket - bpf_core_field_offset(struct socket_alloc, socket);
	return BPF_CORE_READ(both, vfs_inode.i_ino);
}

/* Copies an IP address, an IPv4 one in IPv6 clothes as the 4 bytes that it is. */
static __always_inline u16 copy_address(u8 *to, struct sock *sk, int local)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		__be32 v4 = local ? BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr)
				  : BPF_CORE_READ(sk, __sk_common.skc_daddr);
		__builtin_memcpy(to, &v4, 4);
		return 4;
	}
	struct in6_addr v6 = local ? BPF_CORE_READ(sk, __sk_common.skc_v6_rcv_saddr)
				   : BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);
	u32 word[4];
	__builtin_memcpy(word, &v6, 16);
	if (!word[0] && !word[1] && word[2] == __builtin_bswap32(0xffff)) {
		__builtin_memcpy(to, &word[3], 4);
		return 4;
	}
	__builtin_memcpy(to, word, 16);
	return 16;
}

static __always_inline u32 append_inet(struct scratch *s, struct sock *sk, int local)
{
	u8 address[16] = {};
	u16 len = copy_address(address, sk, local);
	return append(s, address, len, 16);
}

/* Appends the path that a unix socket is bound to; an abstract name begins with NUL. */
static __always_inline u32 append_unix(struct scratch *s, struct sock *sk)
{
	struct unix_address *bound = BPF_CORE_READ((struct unix_sock *)sk, addr);
	if (!bound)
		return 0;
	s32 len = BPF_CORE_READ(bound, len);
	/* struct sockaddr_un: a family of 2 bytes, then up to 108 of path, which the kernel ends by a NUL. */
	if (len <= 2 || len > 111)
		return 0;
	len -= 2;
	char *path = (char *)bound + bpf_core_field_offset(struct unix_address, name) + 2;
	char first = 0;
	bpf_probe_read_kernel(&first, 1, path);
	if (first)
		return append_kernel_string(s, path, 109);
	return append(s, path, len, 108);
}

/* Appends the context id of one end of a vsock socket: 4 bytes, which user space writes as a
 * number. */
static __always_inline u32 append_vsock(struct scratch *s, struct sock *sk, int local, u32 *port)
{
	struct vsock_ends ends = {};
	bpf_probe_read_kernel(&ends, sizeof(ends), (void *)sk + bpf_core_type_size(struct sock));
	struct vsock_end *end = local ? &ends.local : &ends.remote;
	if (end->family != AF_VSOCK)
		return 0;
	*port = end->port;
	return append(s, &end->cid, 4, 4);
}

static __always_inline struct sock *unix_peer(struct sock *sk)
{
	return BPF_CORE_READ((struct unix_sock *)sk, peer);
}

/* Identity of a pseudo-terminal: index and device of its devpts, the same from both sides. */
static __always_inline int describe_terminal(struct file *file, struct stream *out)
{
	struct tty_file_private *private = BPF_CORE_READ(file, private_data);
	struct tty_struct *tty = BPF_CORE_READ(private, tty);
	if (!tty)
		return 0;
	struct tty_driver *driver = BPF_CORE_READ(tty, driver);
	int major = BPF_CORE_READ(driver, major);
	out->kind = STREAM_KIND_TERMINAL;
	out->port = BPF_CORE_READ(tty, index);
	/* Unix98 pseudo-terminals: master side 128, slave side 136. The slave's private data is its
	 * entry in devpts, whichever devpts that is. */
	if (major == 128 || major == 136) {
		if (major == 128) {
			out->kind = STREAM_KIND_TERMINAL_MASTER;
			tty = BPF_CORE_READ(tty, link);
		}
		struct dentry *entry = BPF_CORE_READ(tty, driver_data);
		out->id = BPF_CORE_READ(entry, d_sb, s_dev);
	} else {
		out->id = major << 20 | BPF_CORE_READ(driver, minor_start);
	}
	return 1;
}

static __always_inline int is_terminal(u32 rdev)
{
	u32 major = MAJOR(rdev);
	/* Consoles, /dev/tty and /dev/ptmx, serial lines, pseudo-terminals. */
	return major == 4 || major == 5 || major == 188 || major == 204 || major == 229 ||
	       (major >= 128 && major <= 143);
}

static __always_inline void describe_socket(struct scratch *s, struct file *file,
					    struct stream *out)
{
	struct sock *sk = sock_of(file);
	if (!sk)
		return;
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u16 type = BPF_CORE_READ(sk, sk_type);
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	out->kind = STREAM_KIND_SOCKET;
	if (type != SOCK_STREAM)
		out->marks |= STREAM_MARK_DATAGRAM;
	if (state == TCP_LISTEN)
		out->marks |= STREAM_MARK_LISTENING;
	if (family == AF_UNIX) {
		out->kind = STREAM_KIND_UNIX;
		struct sock *peer = unix_peer(sk);
		if (peer)
			out->other = inode_of_socket(BPF_CORE_READ(peer, sk_socket));
		out->address_len = append_unix(s, sk);
		if (!out->address_len && peer)
			out->address_len = append_unix(s, peer);
	} else if (family == AF_INET || family == AF_INET6) {
		out->kind = STREAM_KIND_INET;
		out->port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
		if (out->port)
			out->address_len = append_inet(s, sk, 0);
		if (type != SOCK_STREAM) {
			if (state == TCP_ESTABLISHED)
				out->marks |= STREAM_MARK_OUTBOUND;
		} else {
			struct beginning beginning = {};
			recall((u64)sk, &beginning);
			out->marks |= beginning.side;
		}
	} else if (family == AF_VSOCK) {
		out->address_len = append_vsock(s, sk, 0, &out->port);
	}
}

/* Describes a file that a task holds, appending the stream's address to the texts. Not static, so
 * that the kernel verifies it once and not for each descriptor. */
__noinline int describe_for(struct scratch *s, u64 address, struct stream *out, u16 fd, u64 task)
{
	struct file *file = (void *)address;
	if (!s || !out)
		return 0;
	__builtin_memset(out, 0, sizeof(*out));
	out->fd = fd;
	if (!file)
		return 0;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u16 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	u32 mode = BPF_CORE_READ(file, f_mode);
	u32 device = BPF_CORE_READ(inode, i_sb, s_dev);
	out->kind = STREAM_KIND_OTHER;
	out->id = BPF_CORE_READ(inode, i_ino);
	if (mode & FMODE_READ)
		out->marks |= STREAM_MARK_READABLE;
	if (mode & FMODE_WRITE)
		out->marks |= STREAM_MARK_WRITABLE;
	if (type == S_IFSOCK) {
		describe_socket(s, file, out);
	} else if (type == S_IFIFO) {
		out->kind = STREAM_KIND_PIPE;
		if (BPF_CORE_READ(inode, i_sb, s_magic) != PIPEFS_MAGIC) {
			out->kind = STREAM_KIND_FIFO;
			out->other = device;
		}
	} else if (type == S_IFCHR || type == S_IFBLK) {
		u32 rdev = BPF_CORE_READ(inode, i_rdev);
		if (type == S_IFCHR && is_terminal(rdev) && describe_terminal(file, out))
			return 0;
		out->kind = STREAM_KIND_DEVICE;
		out->other = rdev;
		if (type == S_IFCHR && MAJOR(rdev) == 1 && MINOR(rdev) == 3)
			out->marks |= STREAM_MARK_NULL;
	} else if (type == S_IFREG || type == S_IFDIR) {
		u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
		out->kind = STREAM_KIND_FILE;
		out->other = device;
		if ((magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC) &&
		    is_internal(BPF_CORE_READ(file, f_path.mnt)))
			out->kind = STREAM_KIND_MEMFD;
		out->address_len = append_path_for(s, (void *)task, file, STREAM_PATH);
	}
	return 0;
}

/* The same of a file that the current task holds. */
static __always_inline int describe(struct scratch *s, u64 address, struct stream *out, u16 fd)
{
	return describe_for(s, address, out, fd, bpf_get_current_task());
}
