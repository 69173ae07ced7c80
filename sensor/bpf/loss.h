/* What was lost: by cause, which is exact, and as far as there is room by kind and control group,
 * so that it can be said who is affected. Twin of src/live/losses.rs. */
#pragma once
#include "maps.h"

struct loss {
	u64 cgroup;
	u64 cgroup_v1;
	u16 kind;
	u16 cause;
	u32 unused;
};

/* More rows than this, as a host full of groups that all lose could make, are told by their cause
 * alone. */
#define LOSSES_MOST 2048
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, LOSSES_MOST);
	__type(key, struct loss);
	__type(value, u64);
} LOSSES SEC(".maps");

/* What was told of it so far. User space alone writes it, and only where the programs outlive the
 * agent: the next one goes on from there. A row of kind 0xffff is a sum. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * LOSSES_MOST);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct loss);
	__type(value, u64);
} TOLD SEC(".maps");

/* The rows come first: a reader that takes the sums first finds a row for all that they count. */
static __always_inline void lose(u32 cause, u16 kind, u64 cgroup, u64 cgroup_v1)
{
	struct loss key = {
		.cgroup = cgroup,
		.cgroup_v1 = cgroup_v1,
		.kind = kind,
		.cause = cause,
	};
	u64 none = 0, *count = bpf_map_lookup_elem(&LOSSES, &key);
	if (!count) {
		/* Another CPU may be first, which is as good. */
		bpf_map_update_elem(&LOSSES, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&LOSSES, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	struct counters *own = counters();
	if (own && cause < LOSS_CAUSES)
		__sync_fetch_and_add(&own->lost[cause], 1);
}
