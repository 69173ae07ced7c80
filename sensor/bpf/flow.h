/* The first bytes of a flow, both ways. There is no process in a packet's context: of TCP the
 * socket's cookie leads to the one that connected or accepted, of the rest the socket itself
 * remembers who made it. What is told here holds the questions of DNS and the first message of
 * TLS too; user space reads them out (src/payload). */
#pragma once
#include "stream.h"

/* What is told each way: what a protocol says first. A packet takes as much of it as is told of it, and
 * a small one at least PACKET_LEAST: who cuts what it says into crumbs is heard for as long as 32 of
 * them, and a flow of tiny packets costs no more events than that. */
#define FIRST_BYTES 2048
#define PACKET_LEAST 64
/* A first message of TLS may take more packets, and so may a question of a name; one that takes more
 * than these, as whoever sends it byte by byte would, is told as incomplete. */
#define HELLO_PACKETS 16
#define QUESTION_PACKETS 16
/* ICMP messages that are told of one socket. */
#define MESSAGES_TOLD 16
/* Bytes of a packet's payload that are kept for names. */
#define NAMES_KEPT 4096

#define PORT_DNS 53

/* Why a packet is told, in the value of its attribute. Twins of src/live/flows.rs. */
#define FOR_FIRST_BYTES (1ull << 61)
#define FOR_DNS (1ull << 62)
#define FOR_TLS (1ull << 63)

struct packet {
	u32 headers; /* bytes before the payload */
	u32 len;     /* bytes of payload */
	u8 address[16];
	u32 address_len;
	u16 port; /* remote */
	u8 protocol;
	u8 type; /* of ICMP */
};

static __always_inline u16 port_at(const u8 *at)
{
	return at[0] << 8 | at[1];
}

/* Reads the headers; 0 where there is no payload that could be told. */
static __always_inline int parse(struct __sk_buff *skb, struct packet *out, int outgoing)
{
	u8 head[40] = {}, next[14] = {};
	u32 ip, more;
	if (bpf_skb_load_bytes(skb, 0, head, 20))
		return 0;
	if (head[0] >> 4 == 4) {
		/* Of a fragmented packet the first part is read. */
		if (head[6] & 0x1f || head[7])
			return 0;
		ip = (head[0] & 15) * 4;
		out->protocol = head[9];
		out->address_len = 4;
		__builtin_memcpy(out->address, outgoing ? head + 16 : head + 12, 4);
	} else {
		/* Extension headers are not followed: hosts do not send these protocols with any. */
		if (bpf_skb_load_bytes(skb, 0, head, 40))
			return 0;
		ip = 40;
		out->protocol = head[6];
		out->address_len = 16;
		__builtin_memcpy(out->address, outgoing ? head + 24 : head + 8, 16);
	}
	if (bpf_skb_load_bytes(skb, ip, next, 8))
		return 0;
	out->port = outgoing ? port_at(next + 2) : port_at(next);
	out->type = next[0];
	if (out->protocol == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, ip, next, 14))
			return 0;
		more = (next[12] >> 4) * 4;
	} else if (out->protocol == IPPROTO_UDP || out->protocol == IPPROTO_ICMP ||
		   out->protocol == IPPROTO_ICMPV6) {
		more = 8;
	} else {
		return 0;
	}
	out->headers = ip + more;
	if (skb->len < out->headers)
		return 0;
	out->len = skb->len - out->headers;
	return 1;
}

/* Sends a packet for what it is wanted for, if lines of that hold. */
static __always_inline void finish_packet(struct scratch *s, u16 kind)
{
	struct attr *attr = (void *)s->body;
	if (attr->value & FOR_FIRST_BYTES && !passes(s, kind))
		attr->value &= ~FOR_FIRST_BYTES;
	if (attr->value & FOR_DNS && !passes(s, KIND_DNS))
		attr->value &= ~FOR_DNS;
	if (attr->value & FOR_TLS && !passes(s, KIND_TLS))
		attr->value &= ~FOR_TLS;
	if (attr->value & (FOR_FIRST_BYTES | FOR_DNS | FOR_TLS))
		send(s, 0);
	release(s);
}

/* Sends a packet as an event of `kind`; `keep` bytes of it at most. */
static __always_inline void tell_packet(struct __sk_buff *skb, struct packet *packet, u16 kind,
				 struct flow *flow, u64 attribute, u32 keep)
{
	u32 kept = packet->len;
	struct scratch *s = claim_for(kind);
	if (!s)
		return;
	stamp(s, kind);
	s->record.actor = flow->by.actor;
	if (attribute) {
		s->record.blocks = BLOCK_ATTR;
		set_attr(reserve(s, sizeof(struct attr)), 1, attribute);
	}
	if (kept > keep) {
		kept = keep;
		s->record.marks |= EVENT_MARK_TRUNCATED;
	}
	if (kept) {
		u32 at = s->used;
		opaque(kept);
		/* Older verifiers want to see that it is not 0. */
		kept = ((kept - 1) & (NAMES_KEPT - 1)) + 1;
		opaque(at);
		if (at > sizeof(struct attr))
			at = 0;
		if (bpf_skb_load_bytes(skb, packet->headers, s->body + at, kept)) {
			s->record.marks |= EVENT_MARK_INCOMPLETE;
			kept = 0;
		}
		s->used = at + kept;
	}
	s->record.text_len = kept;
	s->record.text2_len = append(s, packet->address, packet->address_len, 16);
	u32 port = kind == KIND_ICMP ? packet->type : packet->port;
	s->record.a = port | (u64)packet->len << 32;
	s->record.b = flow->by.inode;
	s->record.c = flow->above ? cookie_above(flow) : bpf_get_socket_cookie(skb);
	if (attribute)
		finish_packet(s, kind);
	else
		finish(s, kind);
}

/* Bytes that say that a first message of TLS begins: a record of a handshake that begins with a
 * client's hello. */
#define HELLO_HEAD 6u

/* Adds a packet to the head of what may be a first message of TLS; 0 if it is none. */
static __always_inline int adds_to_head(struct __sk_buff *skb, struct packet *packet,
					struct flow *flow)
{
	u8 bytes[8] = {};
	u32 known = flow->begun, more = packet->len;
	if (known >= HELLO_HEAD)
		known = 0;
	if (more > HELLO_HEAD - known)
		more = HELLO_HEAD - known;
	opaque(more);
	more = ((more - 1) & 7) + 1;
	if (bpf_skb_load_bytes(skb, packet->headers, bytes, more))
		return 0;
#pragma unroll
	for (u32 i = 0; i < HELLO_HEAD; i++) {
		if (i < more)
			flow->head[(known + i) & 7] = bytes[i];
	}
	known += more;
	if (flow->head[0] != 22 || (known > 1 && flow->head[1] != 3) ||
	    (known >= HELLO_HEAD && flow->head[5] != 1))
		return 0;
	flow->begun = known;
	return 1;
}

/* Follows the first message of TLS through the packets that it takes, however it is cut: true for each
 * of them. */
static __always_inline int is_hello(struct __sk_buff *skb, struct packet *packet,
				    struct flow *flow)
{
	u32 known = flow->begun;
	if (flow->hello) {
		flow->hello -= packet->len < flow->hello ? packet->len : flow->hello;
		return 1;
	}
	if (!adds_to_head(skb, packet, flow)) {
		flow->begun = 0;
		/* What came before was none, and this may be one. */
		if (!known)
			return 0;
		known = 0;
		if (!adds_to_head(skb, packet, flow)) {
			flow->begun = 0;
			return 0;
		}
	}
	if (flow->begun < HELLO_HEAD)
		return 1;
	u32 whole = 5 + port_at(flow->head + 3), there = known + packet->len;
	flow->hello = whole > there ? whole - there : 0;
	flow->begun = 0;
	return 1;
}

/* Whether a packet with payload is among the first of its flow, of which it takes its part. */
static __always_inline int is_first(struct flow *flow, u32 len, int outgoing)
{
	u32 spent = outgoing ? flow->sent_bytes : flow->received_bytes;
	if (spent >= FIRST_BYTES)
		return 0;
	spent += len < PACKET_LEAST ? PACKET_LEAST : len > PAYLOAD_KEPT ? PAYLOAD_KEPT : len;
	if (outgoing)
		flow->sent_bytes = spent;
	else
		flow->received_bytes = spent;
	return 1;
}

static __always_inline int of_user(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	return !(BPF_CORE_READ(task, flags) & PF_KTHREAD) && BPF_CORE_READ(task, tgid);
}

static __always_inline int on_tcp(struct __sk_buff *skb, struct bpf_sock *sk, struct flow *flow,
				  u32 state, int outgoing)
{
	struct packet packet = {};
	if (!parse(skb, &packet, outgoing) || !packet.len || packet.protocol != IPPROTO_TCP)
		return 1;
	u64 cookie = bpf_get_socket_cookie(skb);
	if (!flow)
		flow = bpf_map_lookup_elem(&FORGETFUL, &cookie);
	/* Data may come in while the connection is just being made on another CPU. */
	if ((!flow || !flow->beginning.side) && state == TCP_SYN_RECV)
		return 1;
	if (!flow)
		flow = bpf_sk_storage_get(&FLOWS, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!flow)
		return 1;
	if (!flow->beginning.side || !flow->fresh) {
		/* It began before anybody wanted its first bytes. */
		flow->ours = 1;
		return 1;
	}
	if (flow->above)
		cookie = cookie_above(flow);
	if (!flow->by.actor.pid) {
		struct holder *holder = bpf_map_lookup_elem(&HOLDERS, &cookie);
		if (holder)
			flow->by = *holder;
	}
	u32 count = outgoing ? flow->sent++ : flow->received++;
	u64 why = 0;
	int outbound = flow->beginning.side & STREAM_MARK_OUTBOUND;
	int first = is_first(flow, packet.len, outgoing);
	if (first && wanted(outgoing ? KIND_SENT : KIND_RECEIVED))
		why |= FOR_FIRST_BYTES;
	flow->asks = outbound && packet.port == PORT_DNS && wanted(KIND_DNS);
	if (count < QUESTION_PACKETS && flow->asks)
		why |= FOR_DNS;
	if (outgoing && outbound && count < HELLO_PACKETS) {
		if ((first || flow->hello || flow->begun) &&
		    is_hello(skb, &packet, flow) && wanted(KIND_TLS))
			why |= FOR_TLS;
	} else if (outgoing) {
		flow->hello = 0;
		flow->begun = 0;
	}
	if (why)
		tell_packet(skb, &packet, outgoing ? KIND_SENT : KIND_RECEIVED, flow,
		     why | IPPROTO_TCP | (u64)flow->beginning.side << 32,
		     why & (FOR_DNS | FOR_TLS) ? NAMES_KEPT : PAYLOAD_KEPT);
	return 1;
}

static __always_inline int on_datagram(struct __sk_buff *skb, struct flow *flow, int outgoing)
{
	struct packet packet = {};
	if (!parse(skb, &packet, outgoing) || packet.protocol != IPPROTO_UDP)
		return 1;
	u64 why = 0;
	if (is_first(flow, packet.len, outgoing) && packet.len && wanted(outgoing ? KIND_SENT : KIND_RECEIVED))
		why |= FOR_FIRST_BYTES;
	if (packet.port == PORT_DNS && wanted(KIND_DNS))
		why |= FOR_DNS;
	if (!why)
		return 1;
	/* A datagram leaves in the context of who sends it. */
	if (outgoing && of_user())
		stamp_task(&flow->by.actor, (void *)bpf_get_current_task());
	if (!flow->by.actor.pid || flow->by.actor.pid == filter.self)
		return 1;
	tell_packet(skb, &packet, outgoing ? KIND_SENT : KIND_RECEIVED, flow,
	     why | IPPROTO_UDP | (u64)STREAM_MARK_DATAGRAM << 32,
	     why & FOR_DNS ? NAMES_KEPT : PAYLOAD_KEPT);
	return 1;
}

/* The kernel's own answers leave through raw sockets too, which no process has opened. */
static __always_inline int on_message(struct __sk_buff *skb, void *sk, struct flow *flow)
{
	struct packet packet = {};
	if (flow->sent >= MESSAGES_TOLD || !wanted(KIND_ICMP))
		return 1;
	if (!flow->held) {
		/* It was made before the agent came. */
		struct socket *socket = BPF_CORE_READ(address_of(sk), sk_socket);
		flow->held = socket && BPF_CORE_READ(socket, file);
		flow->ours = !flow->held;
		flow->by.inode = inode_of_socket(socket);
	}
	if (flow->ours)
		return 1;
	if (!parse(skb, &packet, 1) ||
	    (packet.protocol != IPPROTO_ICMP && packet.protocol != IPPROTO_ICMPV6))
		return 1;
	flow->sent++;
	if (of_user())
		stamp_task(&flow->by.actor, (void *)bpf_get_current_task());
	if (flow->by.actor.pid && flow->by.actor.pid != filter.self)
		tell_packet(skb, &packet, KIND_ICMP, flow, 0, PAYLOAD_KEPT);
	return 1;
}

/* After the first packets this is all that a flow costs: one look into the socket. */
static __always_inline int over(struct flow *flow, int outgoing)
{
	if (flow->ours)
		return 1;
	if ((outgoing ? flow->sent_bytes : flow->received_bytes) < FIRST_BYTES)
		return 0;
	if (flow->asks && (outgoing ? flow->sent : flow->received) < QUESTION_PACKETS)
		return 0;
	return !flow->hello && !flow->begun;
}

static __always_inline int on_packet(struct __sk_buff *skb, int outgoing)
{
	struct bpf_sock *sk = skb->sk;
	if (!sk)
		return 1;
	struct flow *flow = bpf_sk_storage_get(&FLOWS, sk, 0, 0);
	if (flow && flow->ours)
		return 1;
	struct bpf_sock *full = bpf_sk_fullsock(sk);
	if (!full)
		return 1;
	u32 type = full->type, protocol = full->protocol, state = full->state;
	if (type == SOCK_STREAM) {
		if (flow && over(flow, outgoing))
			return 1;
		if (protocol != IPPROTO_TCP || state == TCP_LISTEN)
			return 1;
		return on_tcp(skb, full, flow, state, outgoing);
	}
	if (!flow)
		flow = bpf_sk_storage_get(&FLOWS, full, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!flow)
		return 1;
	if (protocol == IPPROTO_UDP) {
		/* Connected to another port it can be nobody's question of a name. */
		int elsewhere = state == TCP_ESTABLISHED &&
				full->dst_port != __builtin_bswap16(PORT_DNS);
		if ((elsewhere || !wanted(KIND_DNS)) && over(flow, outgoing))
			return 1;
		return on_datagram(skb, flow, outgoing);
	}
	return outgoing ? on_message(skb, full, flow) : 1;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	return on_packet(skb, 1);
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	return on_packet(skb, 0);
}

/* A process makes a socket of the internet. Asking for its cookie makes it have one, by which
 * what is told of it can be joined. */
SEC("cgroup/sock_create")
int on_socket_made(struct bpf_sock *sk)
{
	bpf_get_socket_cookie(sk);
	if (sk->type == SOCK_STREAM)
		return 1;
	struct flow *flow = bpf_sk_storage_get(&FLOWS, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!flow)
		return 1;
	flow->held = 1;
	flow->by.inode = inode_of_socket(BPF_CORE_READ(address_of(sk), sk_socket));
	stamp_task(&flow->by.actor, (void *)bpf_get_current_task());
	if (flow->by.actor.pid == filter.self)
		flow->ours = 1;
	return 1;
}
