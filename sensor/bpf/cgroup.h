/* Control groups as they are made and removed, and processes that move between them. */
#pragma once
#include "emit.h"

/* Whether the group is in one of the two hierarchies that tell containers apart: the unified one,
 * and that of the pids controller in version 1. */
static __always_inline int is_telling(struct cgroup *cgroup)
{
	struct cgroup_root *root = BPF_CORE_READ(cgroup, root);
	if (!BPF_CORE_READ(root, hierarchy_id))
		return 1;
	return bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id) &&
	       BPF_CORE_READ(root, subsys_mask) >>
			       bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id) & 1;
}

/* A child that is made in another group than its parent's (CLONE_INTO_CGROUP) is in the same
 * container, if its parent is in one. So that group may hold a process of a container from now on,
 * before the child has done anything, and whatever user space is about to tell of the group. */
static __noinline int made_in_group(struct task_struct *parent, struct task_struct *child)
{
	struct css_set *from = BPF_CORE_READ(parent, cgroups), *to = BPF_CORE_READ(child, cgroups);
	u64 group = BPF_CORE_READ(to, dfl_cgrp, kn, id);
	u64 before = BPF_CORE_READ(from, dfl_cgrp, kn, id);
	u32 not_outside = 0;
	if (group == before || hold_none(before, cgroup_v1(parent)))
		return 0;
	bpf_map_update_elem(&OUTSIDE, &group, &not_outside, BPF_ANY);
	__sync_fetch_and_add(&made.number, 1);
	return 0;
}

static __always_inline struct scratch *begin_cgroup(u16 kind, struct cgroup *cgroup,
						    const char *path)
{
	if (!wanted(kind) || !is_telling(cgroup))
		return 0;
	struct scratch *s = begin(kind);
	if (!s)
		return 0;
	s->record.a = BPF_CORE_READ(cgroup, kn, id);
	s->record.b = (u32)BPF_CORE_READ(cgroup, root, hierarchy_id);
	s->record.text_len = append_kernel_string(s, path, PATH_KEPT);
	return s;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	__sync_fetch_and_add(&made.number, 1);
	struct scratch *s = begin_cgroup(KIND_CGROUP, cgroup, path);
	if (s)
		finish(s, KIND_CGROUP);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	struct scratch *s = begin_cgroup(KIND_CGROUP_REMOVED, cgroup, path);
	if (s)
		finish(s, KIND_CGROUP_REMOVED);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	/* One thread among others: its process stays where it is. */
	if (task->pid != task->tgid)
		return 0;
	struct scratch *s = begin_cgroup(KIND_CGROUP_MOVE, cgroup, path);
	if (!s)
		return 0;
	s->record.target = task->tgid;
	s->record.target_start = task->start_boottime;
	s->record.blocks = BLOCK_TARGET;
	finish(s, KIND_CGROUP_MOVE);
	return 0;
}
