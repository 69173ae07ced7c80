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
	SLOT_UID,
	SLOT_INSIDE, /* 1 where the process may be in a container */
};

enum step_flags {
	STEP_LINE = 1, /* begins a line: one of them suffices */
	STEP_TEST = 2, /* begins a test: each of a line must hold */
	STEP_BITS = 4, /* holds if any bit of `low` is set; otherwise from `low` to `high` */
};

struct step {
	u16 slot;
	u16 flags;
	u32 unused;
	u64 low;
	u64 high;
};

/* What does not fit widens the kind. */
#define STEPS_MOST 64
struct lines {
	u32 count;
	u32 unused;
	struct step steps[STEPS_MOST];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
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

/* Control groups that are known to hold no container, version 1 told apart by the highest bit.
 * What falls out of it is merely unknown again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u32);
} OUTSIDE SEC(".maps");

/* Whether a process of this mount namespace and these groups may be in a container. Only of the
 * machine's own mount namespace is anything known: whoever is elsewhere may be in one. */
static __always_inline int may_be_inside(u32 mount_ns, u64 cgroup, u64 cgroup_v1)
{
	if (!filter.home || mount_ns != filter.home)
		return 1;
	if (!bpf_map_lookup_elem(&OUTSIDE, &cgroup))
		return 1;
	if (!cgroup_v1)
		return 0;
	cgroup_v1 |= GROUP_V1;
	return !bpf_map_lookup_elem(&OUTSIDE, &cgroup_v1);
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
	about = about * SPREAD + told.number;
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

struct judging {
	struct record *record;
	struct lines *lines;
	u32 inside;
	u32 line; /* all tests of this line before the present one hold */
	u32 test; /* some step of the present test holds */
	u32 passes;
};

static __always_inline u64 number_in(struct judging *j, u32 slot)
{
	struct record *record = j->record;
	switch (slot) {
	case SLOT_RET:
		return (s64)record->ret;
	case SLOT_A:
		return record->a;
	case SLOT_B:
		return record->b;
	case SLOT_C:
		return record->c;
	case SLOT_A_LO:
		return (u32)record->a;
	case SLOT_A_HI:
		return record->a >> 32;
	case SLOT_B_LO:
		return (u32)record->b;
	case SLOT_B_HI:
		return record->b >> 32;
	case SLOT_C_LO:
		return (u32)record->c;
	case SLOT_C_HI:
		return record->c >> 32;
	case SLOT_UID:
		return record->actor.uid;
	default:
		return j->inside;
	}
}

static long judge_step(u32 turn, void *context)
{
	struct judging *j = context;
	opaque(turn);
	if (turn >= STEPS_MOST || turn >= j->lines->count)
		return 1;
	struct step *step = &j->lines->steps[turn];
	if (step->flags & STEP_LINE) {
		j->passes |= j->line & j->test;
		j->line = 1;
		j->test = 1;
	}
	if (step->flags & STEP_TEST) {
		j->line &= j->test;
		j->test = 0;
	}
	if (j->passes)
		return 1;
	if (j->test)
		return 0;
	u64 number = number_in(j, step->slot);
	/* What could not be read, or is to be looked up by user space, may be anything. */
	if (j->record->marks & (EVENT_MARK_INCOMPLETE | EVENT_MARK_AS_GIVEN) &&
	    step->slot < SLOT_UID)
		j->test = 1;
	else if (step->flags & STEP_BITS)
		j->test = !!(number & step->low);
	else
		j->test = number >= step->low && number <= step->high;
	return 0;
}

/* Whether any line of the record's kind holds. Not static, so that the kernel verifies it by
 * itself and not once for every way that leads here. */
__noinline int lines_hold(struct record *record)
{
	if (!record)
		return 0;
	u32 kind = record->kind;
	struct judging j = { .record = record };
	j.lines = bpf_map_lookup_elem(&LINES, &kind);
	if (!j.lines)
		return 1;
	j.inside = may_be_inside(record->actor.mount_ns, record->actor.cgroup,
				 record->actor.cgroup_v1);
	repeat(STEPS_MOST + 1, judge_step, &j);
	return j.passes | (j.line & j.test);
}

/* What the context always needs (`KindSet::CONTEXT`) is never narrowed; and some of its programs
 * have no room on the stack of older kernels for the tests. */
static __always_inline int is_narrowed(u16 kind)
{
	switch (kind) {
	case KIND_EXEC:
	case KIND_FORK:
	case KIND_EXIT:
	case KIND_DUP:
	case KIND_SETNS:
	case KIND_UNSHARE:
	case KIND_CREDENTIALS:
	case KIND_CGROUP:
	case KIND_CGROUP_MOVE:
	case KIND_CGROUP_REMOVED:
		return 0;
	default:
		return filter.narrowed[kind >> 6 & 1] >> (kind & 63) & 1;
	}
}

static __always_inline int passes(struct record *record, u16 kind)
{
	return !is_narrowed(kind) || lines_hold(record);
}
