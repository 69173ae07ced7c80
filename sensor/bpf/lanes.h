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
 * one kind uses up that kind's share alone: what else its group does is still told. Where it is used
 * up, what fulfils a narrower predicate than the rest has a share of its own, and then every object
 * that events are about has one, all of these together no more than any other: so what is done to
 * one file over and over does not hide what is done to another. */
#define SHARES_MOST 4096
/* Of what objects may have, one has this part at most, as a power of two. */
#define OBJECT_BITS 6
/* The share of all objects; those of lines are numbered from 1 on. */
#define PART_OBJECTS (1u << 31)
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SHARES_MOST);
	__type(key, struct share_key);
	__type(value, struct share);
} SHARES SEC(".maps");

/* Apart from the others, which ever new objects would drive out. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SHARES_MOST);
	__type(key, struct share_key);
	__type(value, struct share);
} OBJECT_SHARES SEC(".maps");

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

/* Who the record competes as. It stands in the scratch, as older kernels have no room on the stack;
 * and that is looked up anew, as they take no key from what a function was given. */
static __always_inline struct contender *contend(struct scratch *s, u32 lane)
{
	u32 slot = s->slot;
	struct scratch *same = bpf_map_lookup_elem(&SCRATCH, &slot);
	if (!same)
		return 0;
	struct contender *c = &same->contender;
	c->key.cgroup = s->record.actor.cgroup;
	c->key.cgroup_v1 = s->record.actor.cgroup_v1;
	c->key.kind = s->record.kind;
	c->key.lane = lane;
	c->key.part = 0;
	return c;
}

/* Whether the record is more than what its part of the kind may have of the free room; otherwise it
 * is counted. */
static __always_inline int exceeds_part(void *shares, struct contender *c, u32 part, u32 less)
{
	c->key.part = part;
	struct share *share = bpf_map_lookup_elem(shares, &c->key);
	if (!share) {
		bpf_map_update_elem(shares, &c->key, &c->first, BPF_ANY);
		return 0;
	}
	if (share->window != c->first.window) {
		share->window = c->first.window;
		share->bytes = 0;
	}
	if (share->bytes + c->first.bytes > c->room >> less)
		return 1;
	__sync_fetch_and_add(&share->bytes, c->first.bytes);
	return 0;
}

/* A ring that is less than half full takes everything, so that a burst is lossless. Beyond that,
 * what a group puts in of one kind may not exceed what it leaves free for all others, until the
 * reader has got on by half a ring. So however much one of them floods, there is room left; and
 * the slower the reader, the longer the floods stay out. Not static, so that the kernel verifies it
 * by itself. */
__noinline int exceeds_share(struct scratch *s, u32 security, u64 waiting)
{
	if (!s)
		return 0;
	u32 lane = security ? LANE_SECURITY : LANE_BULK, bits = lanes.half_bits[lane] & 31;
	struct contender *c = contend(s, lane);
	if (!c)
		return 0;
	c->room = (2ull << bits) - waiting;
	c->first.window = (security ? bpf_ringbuf_query(&SECURITY, BPF_RB_CONS_POS)
				    : bpf_ringbuf_query(&BULK, BPF_RB_CONS_POS)) >> bits;
	c->first.bytes = s->record.len;
	if (!exceeds_part(&SHARES, c, 0, 0))
		return 0;
	if (s->part.line && !exceeds_part(&SHARES, c, s->part.line, 0))
		return 0;
	/* What one object has too much of takes nothing of what all of them have. */
	return !s->part.object || exceeds_part(&OBJECT_SHARES, c, s->part.object, OBJECT_BITS) ||
	       exceeds_part(&SHARES, c, PART_OBJECTS, 0);
}

static __always_inline int exceeds_rate(struct scratch *s)
{
	u16 kind = s->record.kind;
	u64 most = lanes.per_second;
	if (!most || !(lanes.limited[kind >> 6 & 1] >> (kind & 63) & 1))
		return 0;
	u64 second = s->record.at / 1000000000;
	struct contender *c = contend(s, LANE_BULK);
	if (!c)
		return 0;
	struct rate *rate = bpf_map_lookup_elem(&RATES, &c->key);
	if (!rate) {
		struct rate first = { .second = second, .events = 1 };
		bpf_map_update_elem(&RATES, &c->key, &first, BPF_ANY);
		return 0;
	}
	if (rate->second != second) {
		rate->second = second;
		rate->events = 0;
	}
	return __sync_fetch_and_add(&rate->events, 1) >= most;
}

#define under_pressure(waiting, lane) ((waiting) >> (lanes.half_bits[lane] & 31))

/* Whether shares are counted on a lane now. */
static __always_inline int is_tight(u32 security)
{
	return security ? under_pressure(bpf_ringbuf_query(&SECURITY, BPF_RB_AVAIL_DATA),
					 LANE_SECURITY)
			: under_pressure(bpf_ringbuf_query(&BULK, BPF_RB_AVAIL_DATA), LANE_BULK);
}

static __always_inline u32 send_security(struct scratch *s, u32 len)
{
	struct record *record = &s->record;
	u64 waiting = bpf_ringbuf_query(&SECURITY, BPF_RB_AVAIL_DATA), flags = 0;
	if (under_pressure(waiting, LANE_SECURITY) &&
	    exceeds_share(s, 1, waiting))
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

static __always_inline u32 send_bulk(struct scratch *s, u32 len)
{
	u64 waiting = bpf_ringbuf_query(&BULK, BPF_RB_AVAIL_DATA), flags = 0;
	if (exceeds_rate(s))
		return LOSS_CAUSE_RATE_LIMIT;
	if (under_pressure(waiting, LANE_BULK) &&
	    exceeds_share(s, 0, waiting))
		return LOSS_CAUSE_QUOTA;
	if (reader.attentive && waiting < BULK_WAKE)
		flags = BPF_RB_NO_WAKEUP;
	if (bpf_ringbuf_output(&BULK, &s->record, len, flags))
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
	u32 cause = security ? send_security(s, len) : send_bulk(s, len);
	if (cause)
		lose(cause, s->record.kind, s->record.actor.cgroup,
			s->record.actor.cgroup_v1);
	return 0;
}
