/* How TCP connections begin and end: which side began each of them, and who. */
#pragma once
#include "call.h"
#include "stream.h"

#define EINPROGRESS 115

/* Whether anybody wants what packets hold. */
static __always_inline int payloads_wanted(void)
{
	return wanted(KIND_SENT) || wanted(KIND_RECEIVED) || wanted(KIND_TLS) || wanted(KIND_DNS);
}

static __always_inline u64 port_and_family(u32 port, u16 family, u16 type)
{
	return port | (u64)family << 32 | (u64)type << 48;
}

/* Attributes of a disconnect: numbers of the catalogue. */
#define DISCONNECT_SENT 1
#define DISCONNECT_RECEIVED 2

/* sk_shutdown: nothing is received or sent any more. */
#define SHUT_BOTH 3

/* Bytes of payload, where the kernel counts them. */
static __always_inline void append_traffic(struct scratch *s, struct sock *sk)
{
	u64 sent, received;
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_MPTCP) {
		sent = BPF_CORE_READ((struct tcp_sock *)sk, bytes_sent);
		received = BPF_CORE_READ((struct tcp_sock *)sk, bytes_received);
	} else if (bpf_core_field_exists(struct mptcp_sock, bytes_sent)) {
		sent = BPF_CORE_READ((struct mptcp_sock *)sk, bytes_sent);
		received = BPF_CORE_READ((struct mptcp_sock *)sk, bytes_received);
	} else {
		return;
	}
	s->record.blocks = BLOCK_ATTR | BLOCK_NUMBER;
	struct attr *attr = reserve(s, 2 * sizeof(struct attr));
	set_attr(attr, DISCONNECT_SENT, sent);
	set_attr(attr + 1, DISCONNECT_RECEIVED, received);
}

/* Tells of the end of a connection, by the one who began it: whoever runs when it breaks off has
 * often nothing to do with it. One that was never accepted is nobody's. */
static __noinline int disconnected(struct sock *sk, struct flow *flow, u64 cookie)
{
	if (!flow || flow->over)
		return 0;
	if (!flow->by.actor.pid) {
		struct holder *holder = bpf_map_lookup_elem(&HOLDERS, &cookie);
		if (!holder)
			return 0;
		flow->by = *holder;
	}
	flow->over = 1;
	struct scratch *s = claim_for(KIND_DISCONNECT);
	if (!s)
		return 0;
	stamp(s, KIND_DISCONNECT);
	s->record.actor = flow->by.actor;
	append_traffic(s, sk);
	u32 port = flow->beginning.port;
	if (port) {
		s->record.text_len =
			append(s, flow->beginning.address, flow->beginning.address_len, 16);
	} else {
		port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
		s->record.text_len = append_inet(s, sk, 0);
	}
	s->record.ret = -BPF_CORE_READ(sk, sk_err);
	s->record.a = port | (u64)flow->beginning.side << 32;
	s->record.b = flow->by.inode;
	s->record.c = cookie;
	finish(s, KIND_DISCONNECT);
	return 0;
}

/* Whether the current task is in a call that sends: it may begin a connection (MSG_FASTOPEN). */
static __always_inline int is_in_send(struct task_struct *task)
{
	if (task->flags & PF_KTHREAD ||
	    !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 0;
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_x86)
	u64 number = BPF_CORE_READ(regs, orig_ax);
	if (IS_COMPAT(task)) {
		if (number == COMPAT_SOCKETCALL)
			number = SYSCALLS + BPF_CORE_READ(regs, bx);
		return number == 369 || number == 370 || number == 345 || number == SYSCALLS + 11 ||
		       number == SYSCALLS + 16 || number == SYSCALLS + 20;
	}
	number &= ~X32_BIT;
	return number == 44 || number == 46 || number == 307 || number == 518 || number == 538;
#else
	u32 number = BPF_CORE_READ(regs, syscallno);
	if (IS_COMPAT(task))
		return number == 290 || number == 296 || number == 374;
	return number == 206 || number == 211 || number == 269;
#endif
}

/* Tells of a connection that no call to connect begins; it is under way. */
static __noinline int begun_by_sending(struct sock *sk, struct flow *flow, u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	if (!flow || task->tgid == filter.self || !is_in_send(task))
		return 0;
	struct scratch *s = begin(KIND_CONNECT);
	if (!s)
		return 0;
	s->record.text_len = append(s, flow->beginning.address, flow->beginning.address_len, 16);
	s->record.ret = -EINPROGRESS;
	s->record.a = port_and_family(flow->beginning.port,
				      BPF_CORE_READ(sk, __sk_common.skc_family), SOCK_STREAM);
	s->record.b = flow->by.inode;
	s->record.c = cookie;
	finish(s, KIND_CONNECT);
	return 0;
}

/* What a connection is remembered by from its beginning. */
static __noinline int begun(struct sock *sk, struct flow *flow, u64 cookie, int outbound)
{
	if (!flow)
		return 0;
	struct sock *above =
		BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? multipath_of(sk) : 0;
	struct task_struct *task = bpf_get_current_task_btf();
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->beginning.side = outbound ? STREAM_MARK_OUTBOUND : STREAM_MARK_ACCEPTED;
	flow->fresh = payloads_wanted();
	flow->above = (u64)above;
	if (!outbound)
		return 0;
	flow->beginning.port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	flow->beginning.address_len = copy_address(flow->beginning.address, sk, 0);
	flow->by.inode = inode_of_socket(BPF_CORE_READ(above ? above : sk, sk_socket));
	if (task->flags & PF_KTHREAD) {
		/* The kernel opens further ones below a multipath one by itself. */
		if (!above)
			flow->fresh = 0;
		return 0;
	}
	if (task->tgid == filter.self)
		flow->fresh = 0;
	else
		stamp_actor(&flow->by.actor);
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP && flow->fresh)
		bpf_map_update_elem(&HOLDERS, &cookie, &flow->by, BPF_ANY);
	return 0;
}

/* Direction and maker of every TCP connection. Runs in the maker's context for SYN_SENT, in
 * anybody's for the rest. Of Multipath TCP the socket that a process holds has states of its own,
 * and is there before those below it. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket_state, struct sock *sk, int from, int to)
{
	int multipath = sk->sk_protocol == IPPROTO_MPTCP;
	if (!multipath && sk->sk_protocol != IPPROTO_TCP)
		return 0;
	int outbound = to == TCP_SYN_SENT;
	int accepted = to == TCP_ESTABLISHED &&
		       (from == TCP_SYN_RECV || (multipath && from == TCP_LISTEN));
	/* A connect that was refused is still to be told, with its port, at the call's exit. */
	int over = to == TCP_CLOSE && from != TCP_SYN_SENT;
	/* One direction that is shut down leaves the other one open. */
	int ended = to == TCP_CLOSE || ((to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK) &&
					(sk->sk_shutdown & SHUT_BOTH) == SHUT_BOTH);
	ended = ended && wanted(KIND_DISCONNECT);
	int begins = outbound || accepted;
	if (!begins && !over && !ended)
		return 0;
	/* Asking for it also makes the socket have one. */
	u64 cookie = bpf_get_socket_cookie(sk);
	struct flow *flow = bpf_sk_storage_get(&FLOWS, sk, 0,
					       begins ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (!flow)
		flow = begins ? remember_elsewhere(cookie)
			      : bpf_map_lookup_elem(&FORGETFUL, &cookie);
	if (!flow) {
		if (begins)
			lose(LOSS_CAUSE_UNREADABLE, outbound ? KIND_CONNECT : KIND_ACCEPT, 0, 0);
		return 0;
	}
	if (begins) {
		begun(sk, flow, cookie, outbound);
		if (flow->above)
			cookie = cookie_above(flow);
		if (outbound && !multipath && wanted(KIND_CONNECT))
			begun_by_sending(sk, flow, cookie);
		return 0;
	}
	/* What is below another one says nothing by itself. */
	if (flow->above)
		return 0;
	if (ended)
		disconnected(sk, flow, cookie);
	if (over) {
		if (multipath || flow->beginning.side & STREAM_MARK_ACCEPTED)
			bpf_map_delete_elem(&HOLDERS, &cookie);
		flow->beginning.side = 0;
	}
	return 0;
}
