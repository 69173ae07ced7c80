/* From a moment in the kernel to a record in a ring: take working memory, stamp it with who acted,
 * let the family fill in its part, send. */
#pragma once
#include "call.h"
#include "judge.h"

static __always_inline struct scratch *claim_for(u16 kind)
{
	struct counters *own = counters();
	if (!own)
		return 0;
#pragma unroll
	for (u32 i = 0; i < SLOTS; i++) {
		if (__sync_fetch_and_or(&own->busy, 1u << i) & 1u << i)
			continue;
		u32 slot = i;
		struct scratch *s = bpf_map_lookup_elem(&SCRATCH, &slot);
		if (!s)
			return 0;
		s->slot = i;
		s->used = 0;
		return s;
	}
	lose(LOSS_CAUSE_UNREADABLE, kind, 0, 0);
	return 0;
}

/* Counts what the current task did and what there is nothing left to tell of: another thread, or a
 * later request of the same batch, has taken away what it was about. */
static __noinline int unreadable(u16 kind)
{
	if (wanted(kind))
		lose(LOSS_CAUSE_UNREADABLE, kind, bpf_get_current_cgroup_id(),
		     cgroup_v1((void *)bpf_get_current_task()));
	return 0;
}

static __always_inline struct scratch *claim(void)
{
	return claim_for(0);
}

static __always_inline void release(struct scratch *s)
{
	struct counters *own = counters();
	if (own)
		__sync_fetch_and_and(&own->busy, ~(1u << (s->slot & 3)));
}

/* What is behind a task's pointers. They are not followed directly: each costs the verifier a
 * search through all types of the kernel, which made up half of the time to load. It is a function
 * because its stack would be every program's: before 6.13 a program and what it calls have 512
 * bytes together. */
static __noinline int stamp_places(struct actor *actor, struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct cred *cred = BPF_CORE_READ(task, cred);
	struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
	actor->start = BPF_CORE_READ(task, group_leader, start_boottime);
	actor->parent = BPF_CORE_READ(parent, tgid);
	actor->parent_start = BPF_CORE_READ(parent, group_leader, start_boottime);
	actor->uid = BPF_CORE_READ(cred, uid.val);
	actor->gid = BPF_CORE_READ(cred, gid.val);
	BPF_CORE_READ_INTO(&actor->capabilities, cred, cap_effective);
	actor->user_ns = BPF_CORE_READ(cred, user_ns, ns.inum);
	actor->mount_ns = BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
	actor->pid_ns = BPF_CORE_READ(nsproxy, pid_ns_for_children, ns.inum);
	actor->network_ns = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
	actor->cgroup_v1 = cgroup_v1(task);
	return 0;
}

/* Who acts: the current task. Its numbers are loaded directly, which the kernel allows and which
 * costs next to nothing. */
static __always_inline void stamp_actor(struct actor *actor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	actor->pid = task->tgid;
	actor->tid = task->pid;
	actor->exec_id = task->self_exec_id;
	actor->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(actor->comm, sizeof(actor->comm));
	stamp_places(actor, task);
}

/* The same of any task, and in programs to which the kernel does not give those loads and
 * helpers. */
static __always_inline void stamp_task(struct actor *actor, struct task_struct *task)
{
	actor->pid = BPF_CORE_READ(task, tgid);
	actor->tid = BPF_CORE_READ(task, pid);
	actor->exec_id = BPF_CORE_READ(task, self_exec_id);
	actor->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_core_read(actor->comm, sizeof(actor->comm), &task->comm);
	stamp_places(actor, task);
}

/* The head of a record, all but the actor. */
static __always_inline void stamp(struct scratch *s, u16 kind)
{
	struct record *record = &s->record;
	struct counters *own = counters();
	record->kind = kind;
	record->blocks = 0;
	record->at = bpf_ktime_get_boot_ns();
	record->id = (u64)bpf_get_smp_processor_id() << 48;
	if (own)
		record->id |= __sync_fetch_and_add(&own->sequence, 1) & 0xffffffffffff;
	record->marks = 0;
	record->ret = 0;
	record->target = 0;
	record->target_start = 0;
	record->text_len = 0;
	record->text2_len = 0;
	record->a = 0;
	record->b = 0;
	record->c = 0;
	s->part.line = 0;
	s->part.object = 0;
	s->used = 0;
}

/* Names the one who acts: the current task, or the one that it works for. */
static __always_inline void stamp_current(struct scratch *s)
{
	u32 zero = 0;
	struct work *work = bpf_map_lookup_elem(&WORK, &zero);
	if (work && work->worker && work->worker == bpf_get_current_task()) {
		stamp_task(&s->record.actor, (void *)work->master);
		s->record.marks |= work->marks;
		return;
	}
	stamp_actor(&s->record.actor);
	if (is_compat())
		s->record.marks |= EVENT_MARK_COMPAT;
}

static __always_inline struct scratch *begin(u16 kind)
{
	struct scratch *s = claim_for(kind);
	if (s) {
		stamp(s, kind);
		stamp_current(s);
	}
	return s;
}

/* Sends on the lane that the catalogue gives the kind, if it is wanted. */
static __always_inline void finish(struct scratch *s, u16 kind)
{
	u32 security = (kind < 64 ? SECURITY_KINDS_0 >> kind : SECURITY_KINDS_1 >> (kind - 64)) & 1;
	/* A fork that leaves namespaces behind is rare, and none that does not may hide it. */
	if (kind == KIND_FORK && s->record.a)
		security = 1;
	if (passes(s, kind)) {
		single_out(s, kind, security);
		send(s, security);
	}
	release(s);
}

/* Leaves room for a block at the end of the body; blocks come before every text. */
static __always_inline void *reserve(struct scratch *s, u32 size)
{
	u32 at = s->used & (BODY_KEPT - 1);
	s->used = at + size;
	return s->body + at;
}

static __always_inline void set_attr(struct attr *attr, u32 key, u64 value)
{
	attr->value = value;
	attr->key = key;
	attr->text_len = 0;
	attr->unused = 0;
}

/* Appends up to `most` bytes of kernel memory; returns how many. `most` is a constant < 4096. */
static __always_inline u32 append(struct scratch *s, const void *from, u32 len, u32 most)
{
	u32 at = s->used;
	opaque(at);
	if (at > BODY_KEPT - 1)
		return 0;
	opaque(len);
	if (len > most) {
		s->record.marks |= EVENT_MARK_TRUNCATED;
		len = most;
	}
	if (bpf_probe_read_kernel(s->body + at, len, from)) {
		s->record.marks |= EVENT_MARK_INCOMPLETE;
		return 0;
	}
	s->used = at + len;
	return len;
}

/* Appends a string of user memory, without its NUL, for which there is no room beyond `most` bytes: a
 * constant < 4096. */
static __always_inline u32 append_user_string(struct scratch *s, const void *from, u32 most)
{
	u32 at = s->used;
	opaque(at);
	if (at > BODY_KEPT - 1 || !from)
		return 0;
	/* One byte more than is kept says whether there is more. */
	long len = bpf_probe_read_user_str(s->body + at, most + 1, from);
	if (len <= 0) {
		s->record.marks |= EVENT_MARK_INCOMPLETE;
		return 0;
	}
	if (len > most) {
		s->record.marks |= EVENT_MARK_TRUNCATED;
		len = most;
	}
	len--;
	s->used = at + len;
	return len;
}

static __always_inline u32 append_kernel_string(struct scratch *s, const void *from, u32 most)
{
	u32 at = s->used;
	opaque(at);
	if (at > BODY_KEPT - 1 || !from)
		return 0;
	/* One byte more than is kept says whether there is more. */
	long len = bpf_probe_read_kernel_str(s->body + at, most + 1, from);
	if (len <= 0) {
		s->record.marks |= EVENT_MARK_INCOMPLETE;
		return 0;
	}
	if (len > most) {
		s->record.marks |= EVENT_MARK_TRUNCATED;
		len = most;
	}
	len--;
	s->used = at + len;
	return len;
}

/* Names a process as the one acted upon. */
static __always_inline void target(struct scratch *s, struct task_struct *task)
{
	if (!task)
		return;
	s->record.target = BPF_CORE_READ(task, tgid);
	s->record.target_start = BPF_CORE_READ(task, group_leader, start_boottime);
	s->record.blocks |= BLOCK_TARGET;
}

/* The task behind a struct pid; type 0 is a thread, 1 a thread group. */
static __always_inline struct task_struct *task_of(struct pid *pid, u32 type)
{
	if (!pid)
		return 0;
	void *link = 0;
	bpf_probe_read_kernel(&link, sizeof(link), (void *)&pid->tasks + type * sizeof(link));
	if (!link)
		return 0;
	return link - bpf_core_field_offset(struct task_struct, pid_links) -
	       type * bpf_core_type_size(struct hlist_node);
}

/* The open file behind a descriptor of the current task. */
static __always_inline struct file *file_of(s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = 0;
	if (!table || fd < 0 || (u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd);
	return file;
}
