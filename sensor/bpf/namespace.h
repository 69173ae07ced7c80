/* Entering and leaving namespaces. */
#pragma once
#include "process.h"

#define differs(was, is, field)                                                                    \
	(*(u64 *)((was)->nsproxy + bpf_core_field_offset(struct nsproxy, field)) !=                \
	 (u64)BPF_CORE_READ(is, field))

/* The CLONE_NEW… bits of the namespaces that are others than when the task was last looked at. */
static __always_inline u32 places_changed(struct task_struct *task, struct places *before)
{
	u32 bits = 0;
	struct nsproxy *now = BPF_CORE_READ(task, nsproxy);
	if (differs(before, now, mnt_ns))
		bits |= CLONE_NEWNS;
	if (differs(before, now, uts_ns))
		bits |= CLONE_NEWUTS;
	if (differs(before, now, ipc_ns))
		bits |= CLONE_NEWIPC;
	if (differs(before, now, pid_ns_for_children))
		bits |= CLONE_NEWPID;
	if (differs(before, now, net_ns))
		bits |= CLONE_NEWNET;
	if (differs(before, now, cgroup_ns))
		bits |= CLONE_NEWCGROUP;
	if (bpf_core_field_exists(struct nsproxy, time_ns_for_children) &&
	    differs(before, now, time_ns_for_children))
		bits |= CLONE_NEWTIME;
	if (before->user != (u64)BPF_CORE_READ(task, cred, user_ns))
		bits |= CLONE_NEWUSER;
	return bits;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_setns, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 types = ARG2(regs), changed = 0, known = 1;
	if (ret == 0) {
		struct places *before = bpf_task_storage_get(&PLACES, task, 0, 0);
		struct task_struct *leader = task->group_leader;
		/* A thread that was never looked at is where its process was. */
		if (!before && leader)
			before = bpf_task_storage_get(&PLACES, leader, 0, 0);
		if (before)
			changed = places_changed(task, before);
		else
			known = 0;
		remember_places(task);
	}
	struct scratch *s = begin(KIND_SETNS);
	if (!s)
		return 0;
	/* Older than the agent: what the call was asked for is all that is known. */
	if (!known) {
		changed = types;
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	}
	s->record.ret = ret;
	s->record.a = types | (u64)changed << 32;
	s->record.b = s->record.actor.mount_ns | (u64)s->record.actor.pid_ns << 32;
	finish(s, KIND_SETNS);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_unshare, struct pt_regs *regs, long ret)
{
	if (ret == 0)
		remember_places(bpf_get_current_task_btf());
	struct scratch *s = begin(KIND_UNSHARE);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = (u32)ARG1(regs);
	finish(s, KIND_UNSHARE);
	return 0;
}
