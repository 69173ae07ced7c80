/* The two lanes into user space, and who may use how much of them. */
#pragma once
#include "mute.h"

#define LANE_BULK 0
#define LANE_SECURITY 1

/* Twin of src/live/lanes.rs. */
struct lanes {
	/* By lane: the ring holds two to the power of this and one more. */
	u32 half_bits[2];
	/* Events of one kind that a control group may cause in a second, 0 for any number. */
	u64 per_second;
	/* The kinds to which that applies, where they are bulk. */
	u64 limited[2];
};
volatile struct lanes lanes SEC(".data.lanes");

/* Groups and kinds that compete while a ring fills up, the longest unused going first. A flood of
 * one kind uses up that kind's share alone: what else its group does is still told. */
#define SHARES_MOST 4096
struct share_key {
	u64 cgroup;
	u64 cgroup_v1;
	u16 kind;
	u16 lane;
	u32 unused;
};
struct share {
	u64 window;
	u64 bytes;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SHARES_MOST);
	__type(key, struct share_key);
	__type(value, struct share);
} SHARES SEC(".maps");

struct rate {
	u64 second;
	u64 events;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SHARES_MOST);
	__type(key, struct share_key);
	__type(value, struct rate);
} RATES SEC(".maps");

static __always_inline struct share_key share_key(struct record *record, u32 lane)
{
	return (struct share_key){
		.cgroup = record->actor.cgroup,
		.cgroup_v1 = record->actor.cgroup_v1,
		.kind = record->kind,
		.lane = lane,
	};
}

/* A ring that is less than half full takes everything, so that a burst is lossless. Beyond that,
 * what a group puts in of one kind may not exceed what it leaves free for all others, until the
 * reader has got on by half a ring. So however much one of them floods, there is room left; and
 * the slower the reader, the longer the floods stay out. */
static __always_inline int exceeds_share(struct record *record, u32 lane, u32 len, u64 waiting,
					 u64 consumed)
{
	u32 bits = lanes.half_bits[lane] & 31;
	u64 room = (2ull << bits) - waiting, window = consumed >> bits;
	struct share_key key = share_key(record, lane);
	struct share *share = bpf_map_lookup_elem(&SHARES, &key);
	if (!share) {
		struct share first = { .window = window, .bytes = len };
		bpf_map_update_elem(&SHARES, &key, &first, BPF_ANY);
		return 0;
	}
	if (share->window != window) {
		share->window = window;
		share->bytes = 0;
	}
	if (share->bytes + len > room)
		return 1;
	__sync_fetch_and_add(&share->bytes, len);
	return 0;
}

static __always_inline int exceeds_rate(struct record *record)
{
	u16 kind = record->kind;
	u64 most = lanes.per_second;
	if (!most || !(lanes.limited[kind >> 6 & 1] >> (kind & 63) & 1))
		return 0;
	u64 second = record->at / 1000000000;
	struct share_key key = share_key(record, LANE_BULK);
	struct rate *rate = bpf_map_lookup_elem(&RATES, &key);
	if (!rate) {
		struct rate first = { .second = second, .events = 1 };
		bpf_map_update_elem(&RATES, &key, &first, BPF_ANY);
		return 0;
	}
	if (rate->second != second) {
		rate->second = second;
		rate->events = 0;
	}
	return __sync_fetch_and_add(&rate->events, 1) >= most;
}

#define under_pressure(waiting, lane) ((waiting) >> (lanes.half_bits[lane] & 31))

static __always_inline u32 send_security(struct record *record, u32 len)
{
	u64 waiting = bpf_ringbuf_query(&SECURITY, BPF_RB_AVAIL_DATA), flags = 0;
	if (under_pressure(waiting, LANE_SECURITY) &&
	    exceeds_share(record, LANE_SECURITY, len, waiting,
			  bpf_ringbuf_query(&SECURITY, BPF_RB_CONS_POS)))
		return LOSS_CAUSE_QUOTA;
	/* Of executions there are many in quick succession. A wake-up costs more than all the rest of
	 * one, and an attentive reader finds it as soon. */
	if (record->kind == KIND_EXEC && reader.attentive &&
	    !under_pressure(waiting, LANE_SECURITY))
		flags = BPF_RB_NO_WAKEUP;
	if (bpf_ringbuf_output(&SECURITY, record, len, flags))
		return LOSS_CAUSE_SECURITY_RING_FULL;
	return 0;
}

static __always_inline u32 send_bulk(struct record *record, u32 len)
{
	u64 waiting = bpf_ringbuf_query(&BULK, BPF_RB_AVAIL_DATA), flags = 0;
	if (exceeds_rate(record))
		return LOSS_CAUSE_RATE_LIMIT;
	if (under_pressure(waiting, LANE_BULK) &&
	    exceeds_share(record, LANE_BULK, len, waiting,
			  bpf_ringbuf_query(&BULK, BPF_RB_CONS_POS)))
		return LOSS_CAUSE_QUOTA;
	if (reader.attentive && waiting < BULK_WAKE)
		flags = BPF_RB_NO_WAKEUP;
	if (bpf_ringbuf_output(&BULK, record, len, flags))
		return LOSS_CAUSE_BULK_RING_FULL;
	return 0;
}

/* Sends the record, or counts it as muted or lost. Not static, so that the kernel verifies it by itself and
 * not once for every way that leads here. */
__noinline int send(struct scratch *s, u32 security)
{
	if (!s || (filter.mutes && is_muted(&s->record, security)))
		return 0;
	u32 len = s->used;
	opaque(len);
	if (len > BODY_KEPT)
		len = BODY_KEPT;
	len += sizeof(struct record);
	s->record.len = len;
	u32 cause = security ? send_security(&s->record, len) : send_bulk(&s->record, len);
	if (cause)
		lose(cause, s->record.kind, s->record.actor.cgroup,
			s->record.actor.cgroup_v1);
	return 0;
}
