/* Sockets that few programs need, and messages to addresses that no connection names. */
#pragma once
#include "network.h"

/* Parts of netlink that change how the machine's network works or hold much of the kernel's code
 * that attacks go through: xfrm, netfilter, RDMA, crypto. */
#define UNUSUAL_NETLINK (1u << 6 | 1u << 12 | 1u << 20 | 1u << 21)

static __always_inline int is_unusual(u32 family, u32 type, u32 protocol)
{
	if (family == AF_UNIX)
		return 0;
	if (family == AF_NETLINK)
		return protocol < 32 && UNUSUAL_NETLINK >> protocol & 1;
	if (family != AF_INET && family != AF_INET6)
		return 1;
	if (type == SOCK_RAW)
		return 1;
	return protocol != IPPROTO_IP && protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
	       protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6 && protocol != IPPROTO_MPTCP;
}

static __always_inline int socket_made(struct file *file, u16 family, u16 type, u32 protocol,
				       long ret)
{
	type &= 15;
	if (!is_unusual(family, type, protocol))
		return 0;
	struct scratch *s = begin(KIND_SOCKET);
	if (!s)
		return 0;
	s->record.ret = ret;
	/* Packet sockets are given theirs in the order of the network. */
	if (family == AF_PACKET)
		protocol = __builtin_bswap16(protocol);
	s->record.a = port_and_family(protocol, family, type);
	struct sock *sk = file ? sock_of(file) : 0;
	if (sk) {
		s->record.b = BPF_CORE_READ(file, f_inode, i_ino);
		s->record.c = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	}
	finish(s, KIND_SOCKET);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_socket, struct pt_regs *regs, long ret)
{
	/* The numbers stand in registers, so nobody can change them after the kernel read them. */
	return socket_made(file_of(ret), ARG1(regs), ARG2(regs), ARG3(regs), ret);
}

/* To whom which socket has sent. What is evicted is told again, so a flood of addresses costs
 * events and hides nothing. */
struct recipient {
	u64 socket; /* its inode, or its cookie */
	u8 address[112];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct recipient);
	__type(value, u8);
} RECIPIENTS SEC(".maps");

static __always_inline int is_new(struct recipient *to)
{
	u8 one = 1;
	if (bpf_map_lookup_elem(&RECIPIENTS, to))
		return 0;
	bpf_map_update_elem(&RECIPIENTS, to, &one, BPF_ANY);
	return 1;
}

/* Set by user space once the hooks below are in place: they tell of UDP with the kernel's own copy
 * of the address. */
volatile u64 hooked SEC(".data.hooked");

struct sending {
	u64 inode;
	u64 cookie;
	const void *messages;
	u16 family;
	u16 type;
};

/* A message that was given this address. */
static __noinline int sent_to(struct sending *sending, const void *name, u32 given)
{
	struct recipient to = {};
	/* Older verifiers keep bounds of whole registers alone. */
	u64 len = given;
	opaque(len);
	if (len > 110)
		len = 110;
	if (given < 4 || bpf_probe_read_user(to.address, len, name))
		return 0;
	to.socket = sending->inode;
	if (!is_new(&to))
		return 0;
	struct scratch *s = begin(KIND_SEND);
	if (!s)
		return 0;
	u32 port = 0;
	s->record.marks |= EVENT_MARK_AS_GIVEN;
	u16 family = to.address[0] | to.address[1] << 8;
	if (family == AF_UNIX) {
		/* A path ends with the first NUL; an abstract name begins with one and has its length. */
		if (to.address[2])
			s->record.text_len = append_kernel_string(s, to.address + 2, 109);
		else
			s->record.text_len = append(s, to.address + 2, len - 2, 108);
	} else if (family == AF_VSOCK) {
		__builtin_memcpy(&port, to.address + 4, 4);
		s->record.text_len = append(s, to.address + 8, 4, 4);
	} else if (family == AF_INET || family == AF_INET6) {
		port = to.address[2] << 8 | to.address[3];
		s->record.text_len = family == AF_INET ? append(s, to.address + 4, 4, 4)
						       : append(s, to.address + 8, 16, 16);
	}
	s->record.a = port_and_family(port, sending->family, sending->type);
	s->record.b = to.socket;
	s->record.c = sending->cookie;
	finish(s, KIND_SEND);
	return 0;
}

/* The socket that was sent on, if an address given with a message matters to it. */
static __always_inline int is_sending_on(struct sending *out, struct file *file)
{
	struct sock *sk = file ? sock_of(file) : 0;
	if (!sk)
		return 0;
	out->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	out->type = BPF_CORE_READ(sk, sk_type);
	if (!has_address(out->family) || out->type == SOCK_STREAM)
		return 0;
	out->inode = BPF_CORE_READ(file, f_inode, i_ino);
	out->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	return out->family == AF_UNIX || out->family == AF_VSOCK || !hooked ||
	       BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP;
}

static __always_inline int is_sending(struct sending *out, s32 fd)
{
	struct file *file = file_of(fd);
	if (!file)
		unreadable(KIND_SEND);
	return is_sending_on(out, file);
}

/* Reads the head of a message out of the caller's memory. A 32-bit call has
 * a shorter form. */
static __always_inline int read_message(struct message *out, const void *from)
{
	struct {
		u32 name, name_len, parts, part_count, control, control_len;
	} narrow = {};
	if (!is_compat())
		return bpf_probe_read_user(out, 48, from);
	if (bpf_probe_read_user(&narrow, sizeof(narrow), from))
		return -1;
	out->name = (void *)(u64)narrow.name;
	out->name_len = narrow.name_len;
	out->control = (void *)(u64)narrow.control;
	out->control_len = narrow.control_len;
	return 0;
}

/* Where the next message of an array of them lies: each is followed by what came of it. */
static __always_inline u32 message_stride(void)
{
	return is_compat() ? 32 : sizeof(struct message);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sendto, struct pt_regs *regs, long ret)
{
	const void *name = (const void *)ARG5(regs);
	struct sending sending = {};
	if (ret < 0 || !name || !is_sending(&sending, ARG1(regs)))
		return 0;
	sent_to(&sending, name, ARG6(regs));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sendmsg, struct pt_regs *regs, long ret)
{
	struct message message = {};
	struct sending sending = {};
	if (ret < 0 || read_message(&message, (void *)ARG2(regs)) || !message.name ||
	    !is_sending(&sending, ARG1(regs)))
		return 0;
	sent_to(&sending, message.name, message.name_len);
	return 0;
}

static long send_step(u32 turn, void *context)
{
	struct sending *sending = context;
	struct message message = {};
	if (read_message(&message, sending->messages + turn * message_stride()))
		return 1;
	if (message.name)
		sent_to(sending, message.name, message.name_len);
	return 0;
}

/* Messages of one call that are looked at; the kernel takes no more. */
#define MESSAGES_MOST 1024

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sendmmsg, struct pt_regs *regs, long ret)
{
	struct sending sending = {};
	if (ret <= 0 || !is_sending(&sending, ARG1(regs)))
		return 0;
	sending.messages = (void *)ARG2(regs);
	bpf_loop(ret < MESSAGES_MOST ? ret : MESSAGES_MOST, send_step, &sending, 0);
	return 0;
}

/* UDP to an address: the kernel's copy, whoever asks for it, io_uring too. */
static __always_inline int on_datagram_to(struct bpf_sock_addr *ctx, int v6)
{
	struct recipient to = {};
	struct task_struct *task = (void *)bpf_get_current_task();
	u8 address[16] = {};
	u32 len = 4;
	u16 port = __builtin_bswap16(ctx->user_port);
	if (BPF_CORE_READ(task, tgid) == filter.self || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 1;
	if (v6) {
		u32 words[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
				ctx->user_ip6[3]};
		if (!words[0] && !words[1] && words[2] == __builtin_bswap32(0xffff)) {
			__builtin_memcpy(address, &words[3], 4);
		} else {
			__builtin_memcpy(address, words, 16);
			len = 16;
		}
	} else {
		u32 word = ctx->user_ip4;
		__builtin_memcpy(address, &word, 4);
	}
	struct sock *sk = address_of(ctx->sk);
	u64 cookie = bpf_get_socket_cookie(ctx);
	to.socket = cookie;
	to.address[110] = 1; /* a cookie, not an inode */
	__builtin_memcpy(to.address, &port, 2);
	__builtin_memcpy(to.address + 2, address, 16);
	if (!is_new(&to))
		return 1;
	struct scratch *s = claim_for(KIND_SEND);
	if (!s)
		return 1;
	stamp(s, KIND_SEND);
	stamp_task(&s->record.actor, task);
	s->record.text_len = append(s, address, len, 16);
	s->record.a = port_and_family(port, ctx->family, SOCK_DGRAM);
	s->record.b = inode_of_socket(BPF_CORE_READ(sk, sk_socket));
	s->record.c = cookie;
	finish(s, KIND_SEND);
	return 1;
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_datagram_to(ctx, 0);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_datagram_to(ctx, 1);
}
