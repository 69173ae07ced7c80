/* Entering and leaving namespaces. */
#pragma once
#include "process.h"

/* Compares a member of the two, both as bytes: a read of each from the kernel would take more stack
 * than older kernels give to a program. */
#define differs(was, is, field)                                                                    \
	(*(u64 *)((was)->nsproxy + bpf_core_field_offset(struct nsproxy, field)) !=                \
	 *(u64 *)((is)->nsproxy + bpf_core_field_offset(struct nsproxy, field)))

/* The CLONE_NEW… bits of the namespaces that are others than when the task was last looked at. */
static __always_inline u32 places_changed(struct scratch *s, struct task_struct *task,
					  struct remembered *was)
{
	u32 bits = 0;
	struct remembered *is = (void *)s->walk.text;
	remember_places(is, task);
	if (differs(was, is, mnt_ns))
		bits |= CLONE_NEWNS;
	if (differs(was, is, uts_ns))
		bits |= CLONE_NEWUTS;
	if (differs(was, is, ipc_ns))
		bits |= CLONE_NEWIPC;
	if (differs(was, is, pid_ns_for_children))
		bits |= CLONE_NEWPID;
	if (differs(was, is, net_ns))
		bits |= CLONE_NEWNET;
	if (differs(was, is, cgroup_ns))
		bits |= CLONE_NEWCGROUP;
	if (bpf_core_field_exists(struct nsproxy, time_ns_for_children) &&
	    differs(was, is, time_ns_for_children))
		bits |= CLONE_NEWTIME;
	if (was->credentials.user != (u64)BPF_CORE_READ(task, real_cred, user_ns))
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
	u32 types = ARG2(regs), changed = 0;
	struct scratch *s = begin(KIND_SETNS);
	if (s) {
		if (ret == 0) {
			struct remembered *was = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
			/* A thread that was never looked at is where its process was. */
			if (!was && task->group_leader)
				was = bpf_task_storage_get(&REMEMBERED, task->group_leader, 0, 0);
			if (was) {
				changed = places_changed(s, task, was);
			} else {
				/* Older than the agent: what the call was asked for is all that is
				 * known. */
				changed = types;
				s->record.marks |= EVENT_MARK_INCOMPLETE;
			}
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
