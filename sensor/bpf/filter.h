/* Which events are let pass. The tests are few and closed; what they cannot say is wider than what
 * is wanted, never narrower, and user space matches exactly. Twin of src/live/rules.rs; what a
 * step means stands there as Rust too, in src/filter/line.rs. */
#pragma once
#include "lanes.h"

/* What a step tests. Those of an event's own numbers follow the slots of the catalogue. */
enum step_slot {
	SLOT_RET,
	SLOT_A,
	SLOT_B,
	SLOT_C,
	SLOT_A_LO,
	SLOT_A_HI,
	SLOT_B_LO,
	SLOT_B_HI,
	SLOT_C_LO,
	SLOT_C_HI,
	SLOT_ATTR_1, /* of packets and accepts */
	SLOT_ATTR_2,
	SLOT_UID,
	SLOT_INSIDE, /* 1 where the process may be in a container */
	/* How a text begins and ends. */
	SLOT_TEXT_HEAD,
	SLOT_TEXT_TAIL,
	SLOT_TEXT2_HEAD,
	SLOT_TEXT2_TAIL,
};

enum step_flags {
	STEP_LINE = 1, /* begins a line: one of them suffices */
	STEP_TEST = 2, /* begins a test: each of a line must hold */
	STEP_BITS = 4, /* holds if any bit of `low` is set; otherwise from `low` to `high` */
	STEP_NOT = 8,  /* holds if it otherwise would not */
};

struct step {
	u16 slot;
	u16 flags;
	u8 compared; /* bytes of a text */
	u8 given;    /* of a path as given: those from the last '/' on, or all */
	u16 whole;   /* length that the text must have, 0 for any */
	union {
		struct {
			u64 low;
			u64 high;
		};
		/* A text's bytes: of a tail the last byte is the last one here. */
		u64 words[COMPARED / 8];
	};
};

/* What does not fit widens the kind. Lines apart, which are kept beside them, narrow nothing: they
 * tell what has a share of its own (lanes.h). Twin of src/filter/apart.rs. */
#define LINES_APART 0x100u
#define STEPS_MOST 64
struct lines {
	u32 count;
	u32 texts; /* bits: which of the two texts any step looks at */
	struct step steps[STEPS_MOST];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct lines);
} LINES SEC(".maps");

/* A control group's id in the pids hierarchy of version 1; 0 where that is in version 2. */
static __always_inline u64 cgroup_v1(struct task_struct *task)
{
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		return 0;
	u32 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *css = 0;
	bpf_probe_read_kernel(&css, sizeof(css), (void *)&set->subsys + index * sizeof(css));
	struct cgroup *cgroup = BPF_CORE_READ(css, cgroup);
	if (!BPF_CORE_READ(cgroup, root, hierarchy_id))
		return 0;
	return BPF_CORE_READ(cgroup, kn, id);
}

/* Control groups that are known to hold no container, version 1 told apart by the highest bit; 0 for
 * one that user space must not take for such any more. What falls out of it is merely unknown
 * again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u32);
} OUTSIDE SEC(".maps");

static __always_inline int holds_none(u64 group)
{
	u32 *outside = bpf_map_lookup_elem(&OUTSIDE, &group);
	return outside && *outside;
}

/* Whether these groups of a process are known to hold no container. */
static __always_inline int hold_none(u64 cgroup, u64 cgroup_v1)
{
	return holds_none(cgroup) && (!cgroup_v1 || holds_none(cgroup_v1 | GROUP_V1));
}

/* Whether a process of this mount namespace and these groups may be in a container. Only of the
 * machine's own mount namespace is anything known: whoever is elsewhere may be in one. */
static __always_inline int may_be_inside(u32 mount_ns, u64 cgroup, u64 cgroup_v1)
{
	return !filter.home || mount_ns != filter.home || !hold_none(cgroup, cgroup_v1);
}

/* Counts what changes the answer for a process: groups made, and what user space tells of them. */
struct revision {
	u64 number;
};
volatile struct revision made SEC(".data.made");
volatile struct revision told SEC(".data.told");

/* The last answer on each CPU, and what it was about, in one word so that no program that
 * interrupts another one sees half of it. What it was about is the sum of three pointers and two
 * revisions, spread over all bits. A group or namespace that gets the address of one that is gone
 * was made since, which the revisions tell; and the machine's own namespace is never gone. */
#define SPREAD 0x9e3779b97f4a7c15ull
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} ANSWERS SEC(".maps");

/* A pointer as a number: the verifier lets nobody calculate with pointers, but for the distance
 * between two of them. */
static __always_inline u64 as_number(u64 pointer)
{
	u64 from = (u64)&made;
	asm volatile("%0 -= %1" : "+r"(pointer) : "r"(from));
	return pointer;
}

/* The current task's group in the hierarchy of pids. */
static __always_inline u64 pids_group(struct css_set *set)
{
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		return 0;
	u32 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	return as_number(*(u64 *)((void *)set + bpf_core_field_offset(struct css_set, subsys) +
				  index * sizeof(u64)));
}

/* Whether the current process may be in a container. The pointers are followed directly here:
 * this is on the way of every open. */
static __always_inline u32 may_be_inside_now(struct task_struct *task)
{
	struct nsproxy *nsproxy = task->nsproxy;
	struct css_set *set = task->cgroups;
	u32 zero = 0;
	u64 *answer = bpf_map_lookup_elem(&ANSWERS, &zero);
	if (!nsproxy || !set || !answer)
		return 1;
	u64 about = as_number((u64)nsproxy->mnt_ns);
	about = about * SPREAD + as_number((u64)set->dfl_cgrp);
	about = about * SPREAD + pids_group(set);
	about = about * SPREAD + made.number;
	/* Spread too: the lowest bit is the answer's, and one revision differs from the next in it. */
	about = (about * SPREAD + told.number) * SPREAD;
	about = (about ^ about >> 32) & ~1ull;
	u64 last = *(volatile u64 *)answer;
	if ((last & ~1ull) == about)
		return last & 1;
	u32 inside = may_be_inside(BPF_CORE_READ(nsproxy, mnt_ns, ns.inum),
				   bpf_get_current_cgroup_id(), cgroup_v1(task));
	*(volatile u64 *)answer = about | inside;
	return inside;
}

/* Repeats `step` until it returns 1. The helper, from kernel 5.17 on, is verified once and not
 * turn by turn, which is most of what loading the programs costs. */
#define repeat(turns, step, context)                                                               \
	do {                                                                                       \
		if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop)) {                 \
			bpf_loop(turns, step, context, 0);                                         \
		} else {                                                                           \
			for (u32 turn = 0; turn < (turns); turn++)                                 \
				if (step(turn, context))                                           \
					break;                                                     \
		}                                                                                  \
	} while (0)
