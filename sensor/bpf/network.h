/* Sockets: who connects where, who accepts, who waits. */
#pragma once
#include "state.h"

#define EINTR 4
#define EISCONN 106
#define EALREADY 114

/* Families whose addresses are told. */
static __always_inline int has_address(u16 family)
{
	return family == AF_INET || family == AF_INET6 || family == AF_UNIX || family == AF_VSOCK;
}

/* The address that the call was given, where the kernel has kept none: the call has failed, so
 * nothing was connected that could differ from it. */
static __always_inline u16 given_address(struct scratch *s, const void *from, u32 *port)
{
	struct {
		u16 family;
		__be16 port;
		u8 rest[24];
	} given = {};
	/* The shortest of them has 16 bytes, and memory may end there. */
	bpf_probe_read_user(&given, 16, from);
	*port = __builtin_bswap16(given.port);
	if (given.family == AF_INET)
		return append(s, given.rest, 4, 4);
	if (given.family == AF_INET6) {
		bpf_probe_read_user(&given, sizeof(given), from);
		return append(s, given.rest + 4, 16, 16);
	}
	*port = 0;
	if (given.family != AF_VSOCK)
		return 0;
	__builtin_memcpy(port, given.rest, 4);
	return append(s, given.rest + 4, 4, 4);
}

static __always_inline int connected(struct file *file, const void *given, long ret)
{
	/* Asked again about what was told before. */
	if (ret == -EISCONN || ret == -EALREADY)
		return 0;
	if (!file)
		return ret && ret != -EINPROGRESS ? 0 : unreadable(KIND_CONNECT);
	struct sock *sk = sock_of(file);
	if (!sk)
		return 0;
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u16 type = BPF_CORE_READ(sk, sk_type);
	if (!has_address(family))
		return 0;
	/* A datagram socket that was given no address has let go of the one it had. */
	if (ret == 0 && (family == AF_INET || family == AF_INET6) && type != SOCK_STREAM &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_ESTABLISHED)
		return 0;
	struct scratch *s = begin(KIND_CONNECT);
	if (!s)
		return 0;
	int alive = ret == 0 || ret == -EINPROGRESS || ret == -EINTR;
	u32 port = 0;
	if (family == AF_UNIX) {
		struct sock *peer = unix_peer(sk);
		if (ret == 0 && peer) {
			s->record.text_len = append_unix(s, peer);
			target(s, task_of(BPF_CORE_READ(sk, sk_peer_pid), 1));
		} else if (given) {
			/* struct sockaddr_un: the path follows the family. */
			s->record.text_len = append_user_string(s, given + 2, 109);
		}
	} else if (family == AF_VSOCK) {
		if (alive)
			s->record.text_len = append_vsock(s, sk, 0, &port);
		else if (given)
			s->record.text_len = given_address(s, given, &port);
	} else {
		struct beginning known = {};
		/* A multipath one has no address of its own before it has come about, but the first
		 * below it has. */
		struct sock *first = sk;
		if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP &&
		    bpf_core_field_exists(struct mptcp_sock, first))
			first = BPF_CORE_READ((struct mptcp_sock *)sk, first);
		if (!alive && first)
			recall((u64)first, &known);
		if (alive) {
			port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
			s->record.text_len = append_inet(s, sk, 0);
		} else if (known.port) {
			port = known.port;
			s->record.text_len = append(s, known.address, known.address_len, 16);
		} else if (given) {
			s->record.text_len = given_address(s, given, &port);
		}
	}
	s->record.ret = ret;
	s->record.a = port_and_family(port, family, type);
	s->record.b = BPF_CORE_READ(file, f_inode, i_ino);
	s->record.c = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	finish(s, KIND_CONNECT);
	return 0;
}

/* Attributes of an accept: numbers of the catalogue. */
#define ACCEPT_LOCAL_PORT 1
#define ACCEPT_PEER_SOCKET 2

SEC("tp_btf/sys_exit")
int BPF_PROG(on_connect, struct pt_regs *regs, long ret)
{
	return connected(file_of(ARG1(regs)), (const void *)ARG2(regs), ret);
}

/* From now on the packets of the connection have a process. */
static __always_inline void hold(struct scratch *s)
{
	/* Free while no path is walked. */
	struct holder *holder = (void *)s->walk.text;
	u64 cookie = s->record.c;
	if (!cookie || !(payloads_wanted() || wanted(KIND_DISCONNECT)))
		return;
	holder->actor = s->record.actor;
	holder->inode = s->record.b;
	bpf_map_update_elem(&HOLDERS, &cookie, holder, BPF_ANY);
}

static __always_inline int accepted(struct file *file, long ret)
{
	if (!file)
		return ret < 0 ? 0 : unreadable(KIND_ACCEPT);
	struct sock *sk = sock_of(file);
	if (!sk)
		return 0;
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u16 type = BPF_CORE_READ(sk, sk_type);
	u32 port = 0;
	if (!has_address(family))
		return 0;
	struct scratch *s = begin(KIND_ACCEPT);
	if (!s)
		return 0;
	s->record.blocks = BLOCK_ATTR;
	struct attr *attr = reserve(s, sizeof(struct attr));
	if (family == AF_UNIX) {
		struct sock *peer = unix_peer(sk);
		set_attr(attr, ACCEPT_PEER_SOCKET,
			 peer ? inode_of_socket(BPF_CORE_READ(peer, sk_socket)) : 0);
		s->record.text_len = append_unix(s, sk);
		target(s, task_of(BPF_CORE_READ(sk, sk_peer_pid), 1));
	} else if (family == AF_VSOCK) {
		u32 local_port = 0;
		append_vsock(s, sk, 1, &local_port);
		s->used = sizeof(struct attr);
		set_attr(attr, ACCEPT_LOCAL_PORT, local_port);
		s->record.text_len = append_vsock(s, sk, 0, &port);
	} else {
		set_attr(attr, ACCEPT_LOCAL_PORT, BPF_CORE_READ(sk, __sk_common.skc_num));
		port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
		s->record.text_len = append_inet(s, sk, 0);
	}
	s->record.ret = ret;
	s->record.a = port_and_family(port, family, type);
	s->record.b = BPF_CORE_READ(file, f_inode, i_ino);
	s->record.c = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	hold(s);
	finish(s, KIND_ACCEPT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_accept, struct pt_regs *regs, long ret)
{
	return accepted(file_of(ret), ret);
}

/* bind and listen tell the same of a socket's own end. */
static __always_inline int local_end(struct file *file, long ret, u16 kind)
{
	if (ret)
		return 0;
	if (!file)
		return unreadable(kind);
	struct sock *sk = sock_of(file);
	if (!sk)
		return 0;
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u16 type = BPF_CORE_READ(sk, sk_type);
	u32 port = 0;
	if (!has_address(family))
		return 0;
	struct scratch *s = begin(kind);
	if (!s)
		return 0;
	if (family == AF_UNIX) {
		s->record.text_len = append_unix(s, sk);
	} else if (family == AF_VSOCK) {
		s->record.text_len = append_vsock(s, sk, 1, &port);
	} else {
		port = BPF_CORE_READ(sk, __sk_common.skc_num);
		s->record.text_len = append_inet(s, sk, 1);
	}
	s->record.a = port_and_family(port, family, type);
	s->record.b = BPF_CORE_READ(file, f_inode, i_ino);
	finish(s, kind);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_bind, struct pt_regs *regs, long ret)
{
	return local_end(file_of(ARG1(regs)), ret, KIND_BIND);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_listen, struct pt_regs *regs, long ret)
{
	return local_end(file_of(ARG1(regs)), ret, KIND_LISTEN);
}
