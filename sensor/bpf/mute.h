/* Kinds of events that the operator wants none of in some control groups: they are counted instead
 * of sent. Twin of src/live/mutes.rs. */
#pragma once
#include "loss.h"

struct muted {
	/* What would go through either lane. */
	u64 bulk[2];
	u64 security[2];
	/* As what user space counts it. */
	u32 number;
	u32 unused;
};
#define MUTED_MOST 8192
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MUTED_MOST);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct muted);
} MUTED SEC(".maps");

struct muted_key {
	u32 number;
	u32 kind;
};
#define MUTED_COUNTS_MOST 4096
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MUTED_COUNTS_MOST);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct muted_key);
	__type(value, u64);
} MUTED_COUNTS SEC(".maps");

/* The entry of a group that mutes the kind on the lane, if there is one. */
static __always_inline struct muted *muting(u64 group, u16 kind, u32 security)
{
	struct muted *muted = bpf_map_lookup_elem(&MUTED, &group);
	u32 word = kind >> 6 & 1;
	if (!muted)
		return 0;
	u64 kinds = security ? muted->security[word] : muted->bulk[word];
	return kinds >> (kind & 63) & 1 ? muted : 0;
}

/* Whether a record is of a muted kind; then it is counted. What cannot be counted is sent: user
 * space drops and counts it. Not static, so that the kernel verifies it by itself. */
__noinline int is_muted(struct record *record, u32 security)
{
	if (!record)
		return 0;
	u16 kind = record->kind;
	struct muted *muted = muting(record->actor.cgroup, kind, security);
	if (!muted && record->actor.cgroup_v1)
		muted = muting(record->actor.cgroup_v1 | GROUP_V1, kind, security);
	if (!muted)
		return 0;
	struct muted_key key = { .number = muted->number, .kind = kind };
	u64 none = 0, *count = bpf_map_lookup_elem(&MUTED_COUNTS, &key);
	if (!count) {
		/* Another CPU may be first, which is as good. */
		bpf_map_update_elem(&MUTED_COUNTS, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&MUTED_COUNTS, &key);
	}
	if (!count)
		return 0;
	__sync_fetch_and_add(count, 1);
	return 1;
}
