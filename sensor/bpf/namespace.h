/* Entering and leaving namespaces. */
#pragma once
#include "process.h"

#define differs(was, is, field)                                                                    \
	(*(u64 *)((was)->nsproxy + bpf_core_field_offset(struct nsproxy, field)) !=                \
	 (u64)BPF_CORE_READ(is, field))

/* The CLONE_NEW… bits of the namespaces that are others than when the task was last looked at. */
static __always_inline u32 places_changed(struct task_struct *task, struct remembered *before)
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
	if (before->credentials.user != (u64)BPF_CORE_READ(task, real_cred, user_ns))
		bits |= CLONE_NEWUSER;
	return bits;
}

/* Remembers where the caller is after it moved, and what that made of its credentials. */
static __always_inline void moved(long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	if (ret)
		return;
	credentials_after(CREDENTIALS_CAUSE_NAMESPACE, ret);
	struct remembered *own = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
	if (own)
		remember_places(own, task);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_setns, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 types = ARG2(regs), changed = 0, known = 1;
	if (ret == 0) {
		struct remembered *before = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
		struct task_struct *leader = task->group_leader;
		/* A thread that was never looked at is where its process was. */
		if (!before && leader)
			before = bpf_task_storage_get(&REMEMBERED, leader, 0, 0);
		if (before)
			changed = places_changed(task, before);
		else
			known = 0;
	}
	struct scratch *s = begin(KIND_SETNS);
	if (s) {
		/* Older than the agent: what the call was asked for is all that is known. */
		if (!known) {
			changed = types;
			s->record.marks |= EVENT_MARK_INCOMPLETE;
		}
		s->record.ret = ret;
		s->record.a = types | (u64)changed << 32;
		s->record.b = s->record.actor.mount_ns | (u64)s->record.actor.pid_ns << 32;
		finish(s, KIND_SETNS);
	}
	moved(ret);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_unshare, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin(KIND_UNSHARE);
	if (s) {
		s->record.ret = ret;
		s->record.a = (u32)ARG1(regs);
		finish(s, KIND_UNSHARE);
	}
	moved(ret);
	return 0;
}
