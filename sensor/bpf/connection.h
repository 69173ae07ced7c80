/* What a socket remembers of its flow. It lives and dies with the socket, so no number of other
 * connections on the machine makes it forgotten. */
#pragma once
#include "path.h"

/* Who holds a socket. */
struct holder {
	struct actor actor;
	u64 inode; /* of the socket that it holds, 0 where it is not known */
};

/* How a connection began. */
struct beginning {
	/* Where an outbound one leads, though it may have been refused since. */
	u8 address[16];
	u32 address_len; /* 4 or 16 */
	u16 port;
	u16 side; /* outbound or accepted, as in the catalogue's stream-mark; 0 for none */
};

struct flow {
	/* Of an outbound connection who began it, of an accepted one who holds it once that is known;
	 * of other sockets who made it, or sent the last packet that was told. pid 0 where nobody is
	 * known. */
	struct holder by;
	struct beginning beginning;
	/* The socket that the process holds, where this one is one of several below it (Multipath
	 * TCP); 0 where it is this one. */
	u64 above;
	u32 sent; /* packets with payload */
	u32 received;
	u16 sent_bytes; /* what they have taken of the first bytes that are told */
	u16 received_bytes;
	u32 hello;  /* bytes that are still to come of a first message of TLS */
	u8 head[8]; /* the first bytes of what may become one */
	u8 begun;   /* how many of them */
	u8 asks;    /* it may carry questions of names */
	u8 fresh;   /* its first bytes were wanted when it began */
	u8 over;    /* its end was told */
	u8 ours;    /* the agent's own, or of before it: not told */
	u8 held;    /* a process has it, no part of the kernel */
	u8 unused[2];
};
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow);
} FLOWS SEC(".maps");

/* Who accepted a connection, by its cookie: a call's exit finds the socket, but must not write into
 * what it remembers. The flow takes it over with its first packet. Of one that is evicted before,
 * the packets wait in user space for an accept that has passed, and are counted there; its end is
 * not told. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct holder);
} HOLDERS SEC(".maps");

/* The same of sockets that cannot remember: whoever fills the memory that a socket may have for such
 * things, or allows it none, would otherwise have connections without a side. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct flow);
} FORGETFUL SEC(".maps");
static const struct flow NO_FLOW;

/* Where a new connection is to be remembered, 0 if nowhere. */
static __always_inline struct flow *remember_elsewhere(u64 cookie)
{
	bpf_map_update_elem(&FORGETFUL, &cookie, &NO_FLOW, BPF_ANY);
	return bpf_map_lookup_elem(&FORGETFUL, &cookie);
}

/* Tools beside this one whose storages a socket may have, in front of ours. */
#define STORAGES_MOST 8

/* How a connection began. At a call's exit a socket is a number that no helper takes, so what is kept
 * with it is gone through by hand. Not static, so that the kernel verifies it once. */
__noinline int recall(u64 socket, struct beginning *out)
{
	struct sock *sk = (void *)socket;
	if (!out)
		return 0;
	__builtin_memset(out, 0, sizeof(*out));
	u64 node = (u64)BPF_CORE_READ(sk, sk_bpf_storage, list.first);
	for (u32 i = 0; i < STORAGES_MOST && node; i++) {
		struct bpf_local_storage_elem *storage =
			(void *)node - bpf_core_field_offset(struct bpf_local_storage_elem, snode);
		if (BPF_CORE_READ(storage, sdata.smap) == (void *)&FLOWS) {
			struct flow *flow = (void *)storage + bpf_core_field_offset(
				struct bpf_local_storage_elem, sdata.data);
			return !bpf_probe_read_kernel(out, sizeof(*out), &flow->beginning);
		}
		node = (u64)BPF_CORE_READ(storage, snode.next);
	}
	u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	struct flow *flow = cookie ? bpf_map_lookup_elem(&FORGETFUL, &cookie) : 0;
	if (flow)
		*out = flow->beginning;
	return !!flow;
}

/* Where a socket lies that a program was given: a number, which may be read from. */
static __always_inline struct sock *address_of(void *socket)
{
	u64 address = 0;
	bpf_probe_read_kernel(&address, sizeof(address), &socket);
	return (void *)address;
}

/* The socket that a process holds and this one carries, 0 if it is held itself. */
static __always_inline struct sock *multipath_of(struct sock *sk)
{
	if (!bpf_core_field_exists(struct tcp_sock, is_mptcp) ||
	    !BPF_CORE_READ((struct tcp_sock *)sk, is_mptcp))
		return 0;
	struct mptcp_subflow_context *below =
		BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_data);
	return below ? BPF_CORE_READ(below, conn) : 0;
}

static __always_inline u64 cookie_above(struct flow *flow)
{
	struct sock *sk = (void *)flow->above;
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}
