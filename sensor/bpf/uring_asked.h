/* Requests by what is known of them where a completion does not name its request: ring, user data,
 * and the answer. A program may give several the same user data, as one would that hides an act
 * behind another one. */
#pragma once
#include "ring.h"

/* More answers to the request follow this one. */
#define CQE_MORE 2u

/* Requests under way of one ring with the same user data that are noted. Of those that find no place
 * it is noted how many they are, above a kind of theirs. */
#define ALIKE_MOST 4
#define CROWD ALIKE_MOST
#define CROWD_ONE (1ull << 16)

struct asked {
	u64 ring;
	u64 user_data;
	u64 place; /* below ALIKE_MOST, or CROWD */
};
/* What is evicted is missed only where its completion does not name it: who would hide a request behind
 * others needs more of them than this under way, on all rings of the machine together. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct asked);
	__type(value, u64);
} REQUESTS SEC(".maps");

/* What an answer says: its result, and its flags in the high half. What is looked up here is looked up
 * by functions of their own: the program that tells has no stack to spare. */
#define answer_of(res, flags) ((u32)(res) | (u64)(flags) << 32)

/* Whether the request is still what was noted: it may be gone, and its memory another one's. */
static __always_inline int is_called(struct io_kiocb *request, struct asked *asked)
{
	return BPF_CORE_READ(request, cqe.user_data) == asked->user_data &&
	       (u64)BPF_CORE_READ(request, ctx) == asked->ring;
}

static __always_inline struct asked called(struct io_kiocb *request)
{
	struct asked asked = {
		.ring = (u64)BPF_CORE_READ(request, ctx),
		.user_data = BPF_CORE_READ(request, cqe.user_data),
	};
	return asked;
}

/* Notes a request that is made. Returns 0 where there is no place: those of one ring are made one
 * after another, so that none takes another's. A crowd makes the answers of its ring no less sure, as
 * long as the ring has room for them. */
static __noinline int note(struct io_kiocb *request)
{
	struct asked asked = called(request);
	u64 address = (u64)request;
	for (u32 i = 0; i < ALIKE_MOST; i++) {
		asked.place = i;
		u64 *known = bpf_map_lookup_elem(&REQUESTS, &asked);
		if (known && *known != address && is_called((void *)*known, &asked))
			continue;
		bpf_map_update_elem(&REQUESTS, &asked, &address, BPF_ANY);
		return 1;
	}
	u64 first = CROWD_ONE | kind_of(BPF_CORE_READ(request, opcode));
	asked.place = CROWD;
	u64 *crowd = bpf_map_lookup_elem(&REQUESTS, &asked);
	if (crowd)
		__sync_fetch_and_add(crowd, CROWD_ONE);
	else
		bpf_map_update_elem(&REQUESTS, &asked, &first, BPF_ANY);
	return 0;
}

/* Whether a ring may soon have no room for an answer. Its owner can make it look as if it had, and as
 * if it had not: the former is seen when there is none. */
static __noinline int is_filling(struct io_kiocb *request)
{
	struct io_ring_ctx *ring = BPF_CORE_READ(request, ctx);
	u32 unread = BPF_CORE_READ(ring, cached_cq_tail) - BPF_CORE_READ(ring, rings, cq.head);
	return unread > BPF_CORE_READ(ring, cq_entries) / 2;
}

/* Whether this may be the answer to the request, which has its own in itself when it has ended. Only an
 * accept is answered more than once. */
static __always_inline int is_answer_to(struct io_kiocb *request, u64 answer)
{
	if (answer >> 32 & CQE_MORE)
		return BPF_CORE_READ(request, opcode) == URING_ACCEPT;
	/* Where one that is under way may still have its descriptor an ended one has its flags. */
	return answer_of(BPF_CORE_READ(request, cqe.res), (u32)BPF_CORE_READ(request, cqe.fd)) ==
	       answer;
}

/* Takes one out of a crowd; returns a kind of its acts, 0 where there is none. */
static __always_inline u32 leave_crowd(struct asked *asked)
{
	asked->place = CROWD;
	u64 *crowd = bpf_map_lookup_elem(&REQUESTS, asked);
	if (!crowd)
		return 0;
	u64 now = __sync_fetch_and_add(crowd, -CROWD_ONE);
	if (now < 2 * CROWD_ONE)
		bpf_map_delete_elem(&REQUESTS, asked);
	return (u16)now;
}

/* Forgets a request that has ended. */
static __noinline int forget(struct io_kiocb *request)
{
	struct asked asked = called(request);
	for (u32 i = 0; i < ALIKE_MOST; i++) {
		asked.place = i;
		u64 *known = bpf_map_lookup_elem(&REQUESTS, &asked);
		if (!known || *known != (u64)request)
			continue;
		bpf_map_delete_elem(&REQUESTS, &asked);
		return 0;
	}
	leave_crowd(&asked);
	return 0;
}

/* Whether the answer may be meant for the request. */
static __always_inline int is_meant(struct io_kiocb *request, struct asked *asked, u64 answer)
{
	return is_called(request, asked) && is_answer_to(request, answer);
}

/* How many of those that are noted an answer may be meant for. One that is meant for none of them, but
 * perhaps for one of a crowd, is counted as lost. */
static __noinline int count_meant(u64 ring, u64 user_data, u64 answer)
{
	struct asked asked = { .ring = ring, .user_data = user_data };
	u32 count = 0;
	for (u32 i = 0; i < ALIKE_MOST; i++) {
		asked.place = i;
		u64 *known = bpf_map_lookup_elem(&REQUESTS, &asked);
		if (known && is_meant((void *)*known, &asked, answer))
			count++;
	}
	u32 kind = count ? 0 : leave_crowd(&asked);
	if (kind)
		unreadable(kind);
	return count;
}

/* Takes the request at a place, if the answer may be meant for it. */
static __noinline u64 take_at(u64 ring, u64 user_data, u64 place, u64 answer)
{
	struct asked asked = { .ring = ring, .user_data = user_data, .place = place };
	u64 *known = bpf_map_lookup_elem(&REQUESTS, &asked);
	if (!known || !is_meant((void *)*known, &asked, answer))
		return 0;
	u64 request = *known;
	if (!(answer >> 32 & CQE_MORE))
		bpf_map_delete_elem(&REQUESTS, &asked);
	return request;
}
