/* The first bytes that go out on a connection. There is no process in a packet's context: the
 * socket's cookie leads to the one that connected. */
#pragma once
#include "emit.h"

/* Bytes of a packet's payload that are kept. */
#define PAYLOAD_KEPT 512

/* Length of the IP and TCP headers of a packet, or 0 if it is not TCP. */
static __always_inline u32 headers_of(struct __sk_buff *skb)
{
	u8 head[10] = {}, offset = 0;
	u32 len;
	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return 0;
	if (head[0] >> 4 == 4) {
		if (head[9] != IPPROTO_TCP)
			return 0;
		len = (head[0] & 15) * 4;
	} else {
		/* Extension headers are not followed: hosts do not send TCP with any. */
		if (head[6] != IPPROTO_TCP)
			return 0;
		len = 40;
	}
	if (bpf_skb_load_bytes(skb, len + 12, &offset, 1))
		return 0;
	return len + (offset >> 4) * 4;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	u64 cookie = bpf_get_socket_cookie(skb);
	struct connection *connection = bpf_map_lookup_elem(&CONNECTIONS, &cookie);
	if (!connection || !connection->packets)
		return 1;
	u32 headers = headers_of(skb);
	if (!headers || skb->len <= headers)
		return 1;
	u32 len = skb->len - headers, kept = len;
	__sync_fetch_and_add(&connection->packets, -1);
	struct scratch *s = claim();
	if (!s)
		return 1;
	stamp(s, KIND_SENT);
	s->record.actor = connection->actor;
	if (kept > PAYLOAD_KEPT) {
		kept = PAYLOAD_KEPT;
		s->record.marks |= EVENT_MARK_TRUNCATED;
	}
	opaque(kept);
	/* Older verifiers want to see that it is not 0. */
	kept = ((kept - 1) & (PAYLOAD_KEPT - 1)) + 1;
	if (bpf_skb_load_bytes(skb, headers, s->body, kept)) {
		s->record.marks |= EVENT_MARK_INCOMPLETE;
		kept = 0;
	}
	s->used = kept;
	s->record.text_len = kept;
	s->record.text2_len = append(s, connection->address, connection->address_len, 16);
	s->record.a = connection->port | (u64)len << 32;
	s->record.b = connection->inode;
	s->record.c = cookie;
	finish(s, KIND_SENT);
	return 1;
}
