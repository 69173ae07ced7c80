/* Users, groups and capabilities: what changed them, and whether it may.
 *
 * Each task's credentials are remembered from its birth, its last image and its last call that is
 * made to change them. Nothing else may change them; if they are others all the same, the kernel
 * was made to write them. */
#pragma once
#include "emit.h"

#define CAP_SETGID 6
#define CAP_SETUID 7
#define S_ISGID 02000
#define S_ISUID 04000
/* Inode number of the first user namespace. */
#define INITIAL_USER_NAMESPACE 0xeffffffdu

#define field_is_at(type, field, first, distance)                                                  \
	(bpf_core_field_offset(type, field) == bpf_core_field_offset(type, first) + (distance))

/* The credentials that the task has, not those that the kernel lends it for the time of some
 * work. */
static __always_inline void read_credentials(struct task_struct *task, struct credentials *to)
{
	struct cred *cred = BPF_CORE_READ(task, real_cred);
	if (field_is_at(struct cred, egid, uid, 20)) {
		bpf_core_read(&to->uid, 24, &cred->uid);
	} else {
		to->uid = BPF_CORE_READ(cred, uid.val);
		to->gid = BPF_CORE_READ(cred, gid.val);
		to->suid = BPF_CORE_READ(cred, suid.val);
		to->sgid = BPF_CORE_READ(cred, sgid.val);
		to->euid = BPF_CORE_READ(cred, euid.val);
		to->egid = BPF_CORE_READ(cred, egid.val);
	}
	/* Whether a set of capabilities is two words or one, its 8 bytes are the same. */
	if (field_is_at(struct cred, cap_bset, cap_inheritable, 24)) {
		bpf_core_read(&to->inheritable, 32, &cred->cap_inheritable);
	} else {
		bpf_core_read(&to->inheritable, 8, &cred->cap_inheritable);
		bpf_core_read(&to->permitted, 8, &cred->cap_permitted);
		bpf_core_read(&to->effective, 8, &cred->cap_effective);
		bpf_core_read(&to->bounding, 8, &cred->cap_bset);
	}
	to->user = (u64)BPF_CORE_READ(cred, user_ns);
}

static __always_inline int same_credentials(const struct credentials *a,
					    const struct credentials *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->euid == b->euid && a->egid == b->egid &&
	       a->effective == b->effective && a->user == b->user;
}

static __always_inline void remember_places(struct remembered *own, struct task_struct *task)
{
	u32 size = bpf_core_type_size(struct nsproxy);
	if (size > NSPROXY_KEPT)
		size = NSPROXY_KEPT;
	bpf_probe_read_kernel(own->nsproxy, size, BPF_CORE_READ(task, nsproxy));
}

static __always_inline void remember_credentials(struct remembered *own, struct task_struct *task,
						 const struct credentials *now)
{
	own->credentials = *now;
	own->exec_id = task->self_exec_id;
	/* As long as the calls are not watched, a change that one makes goes unnoticed. */
	own->known = wanted(KIND_CREDENTIALS);
}

static __always_inline void show(struct remembered *first, const struct credentials *now)
{
	first->shown.uid = now->uid;
	first->shown.gid = now->gid;
	first->shown.euid = now->euid;
	first->shown.egid = now->egid;
	first->shown.effective = now->effective;
}

static __always_inline int is_shown(const struct remembered *first, const struct credentials *now)
{
	return first->shown.uid == now->uid && first->shown.gid == now->gid &&
	       first->shown.euid == now->euid && first->shown.egid == now->egid &&
	       first->shown.effective == now->effective;
}

/* Remembers where the task is and who, as it is now. */
static __always_inline void remember(struct task_struct *task)
{
	struct remembered *own =
		bpf_task_storage_get(&REMEMBERED, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct credentials now;
	if (!own)
		return;
	read_credentials(task, &now);
	remember_places(own, task);
	remember_credentials(own, task, &now);
	show(own, &now);
}

/* Run once over all tasks, when everything that may change one is watched. */
SEC("iter/task")
int on_each_task(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	if (task && !bpf_task_storage_get(&REMEMBERED, task, 0, 0))
		remember(task);
	return 0;
}

/* `before_exec` tells that the image that is gone now is the one that acted. */
static __noinline int tell_credentials(const struct credentials *was,
				       const struct credentials *now, u32 cause, u32 marks,
				       u32 before_exec)
{
	struct scratch *s = begin(KIND_CREDENTIALS);
	if (!s)
		return 0;
	s->record.blocks = BLOCK_ATTR;
	struct attr *gid = reserve(s, sizeof(struct attr));
	__builtin_memset(gid, 0, sizeof(*gid));
	gid->key = 1;
	gid->value = was->gid;
	s->record.marks |= marks;
	if (before_exec)
		s->record.actor.exec_id--;
	s->record.a = cause | (u64)was->uid << 32;
	s->record.b = was->euid | (u64)now->euid << 32;
	s->record.c = was->effective;
	finish(s, KIND_CREDENTIALS);
	return 0;
}

/* Whether the current task's credentials are others than the remembered ones; `now` gets them. */
static __always_inline int credentials_differ(struct remembered *own, struct task_struct *task,
					      struct credentials *now)
{
	/* Another count of images: an execution failed halfway, after it took the new credentials. */
	if (!own->known || own->exec_id != (u32)task->self_exec_id)
		return 0;
	read_credentials(task, now);
	return !same_credentials(&own->credentials, now);
}

/* Tells of credentials that differ from the remembered ones where nothing may have changed them. */
static __always_inline void check_credentials(struct task_struct *task, int lives_on)
{
	struct remembered *own = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
	struct credentials now;
	if (!own) {
		if (lives_on)
			remember(task);
		return;
	}
	if (!credentials_differ(own, task, &now))
		return;
	tell_credentials(&own->credentials, &now, CREDENTIALS_CAUSE_UNEXPLAINED, 0, 0);
	remember_credentials(own, task, &now);
	show(own, &now);
}

/* The calls at whose exit the caller's credentials are looked at too: those that matter to
 * security and are not frequent. A process that goes on after an exploit of the kernel is found by
 * what it does with it. Twin of src/live/credentials.rs. */
struct careful {
	u64 calls[SYSCALLS / 64];
};
volatile struct careful careful SEC(".data.careful");

/* In the table of handlers, where no call has its number. */
#define UNEXPLAINED (SYSCALLS - 1)

static __always_inline int is_unexplained(u64 number)
{
	if (!(careful.calls[number >> 6] >> (number & 63) & 1))
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	struct remembered *own = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
	struct credentials now;
	return own && credentials_differ(own, task, &now);
}

/* Tells so and goes on with the handler of the call. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_unexplained, struct pt_regs *regs, long ret)
{
	u64 number = SYSCALL_NUMBER(regs);
	check_credentials(bpf_get_current_task_btf(), 1);
	if (number < UNEXPLAINED)
		bpf_tail_call(ctx, &HANDLERS, number);
	return 0;
}

static __always_inline int is_one_of(u32 id, u32 a, u32 b, u32 c)
{
	return id == a || id == b || id == c;
}

/* Whether a call that is made to change credentials can have done this: it gives what the caller
 * had at its disposal, and any user or group only to those who have the capability. */
static __always_inline int call_explains(const struct credentials *was,
					 const struct credentials *now)
{
	if (now->user != was->user || now->effective & ~was->permitted)
		return 0;
	if (!(was->effective >> CAP_SETUID & 1) &&
	    !(is_one_of(now->uid, was->uid, was->euid, was->suid) &&
	      is_one_of(now->euid, was->uid, was->euid, was->suid)))
		return 0;
	return was->effective >> CAP_SETGID & 1 ||
	       (is_one_of(now->gid, was->gid, was->egid, was->sgid) &&
		is_one_of(now->egid, was->gid, was->egid, was->sgid));
}

/* Whether entering a user namespace can have done this: who it is, it leaves. */
static __always_inline int namespace_explains(const struct credentials *was,
					      const struct credentials *now)
{
	return now->user != was->user && now->uid == was->uid && now->euid == was->euid &&
	       now->gid == was->gid && now->egid == was->egid;
}

/* After a call that may have changed the caller's credentials for this cause. */
static __noinline int credentials_after(u32 cause, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf(), *leader = task->group_leader;
	struct remembered *own = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
	struct remembered *first = leader ? bpf_task_storage_get(&REMEMBERED, leader, 0, 0) : 0;
	struct credentials now, was;
	read_credentials(task, &now);
	if (!own || !own->known) {
		/* Older than the agent: what was before is not known. */
		remember(task);
		__builtin_memset(&was, 0xff, sizeof(was));
		if (ret == 0 && cause == CREDENTIALS_CAUSE_CALL)
			tell_credentials(&was, &now, cause, EVENT_MARK_INCOMPLETE, 0);
		return 0;
	}
	was = own->credentials;
	remember_credentials(own, task, &now);
	if (same_credentials(&was, &now))
		return 0;
	if (cause == CREDENTIALS_CAUSE_CALL ? !call_explains(&was, &now)
					    : !namespace_explains(&was, &now))
		cause = CREDENTIALS_CAUSE_UNEXPLAINED;
	/* Every thread has credentials of its own, and C libraries let all make the same call: it
	 * is told when the first does. */
	if (first) {
		if (cause == CREDENTIALS_CAUSE_CALL && is_shown(first, &now))
			return 0;
		show(first, &now);
	}
	tell_credentials(&was, &now, cause, 0, 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_credentials, struct pt_regs *regs, long ret)
{
	return credentials_after(CREDENTIALS_CAUSE_CALL, ret);
}

/* Whether executing the image can have done this: real ids stay, effective ids come from the
 * file's bits, capabilities from the rules for root or from the file (which makes the execution
 * a secure one), and never more than the bounding set lets through. */
static __always_inline int image_explains(const struct credentials *was,
					  const struct credentials *now,
					  struct linux_binprm *bprm)
{
	u64 gained = (now->effective | now->permitted) & ~was->permitted;
	struct file *executable = BPF_CORE_READ(bprm, executable);
	u16 mode = BPF_CORE_READ(bprm, file, f_inode, i_mode);
	/* The file of a format whose interpreter runs with the file's credentials. */
	if (executable)
		mode |= BPF_CORE_READ(executable, f_inode, i_mode);
	if (now->uid != was->uid || now->gid != was->gid || now->user != was->user)
		return 0;
	if ((now->euid != was->euid && !(mode & S_ISUID)) ||
	    (now->egid != was->egid && !(mode & S_ISGID)))
		return 0;
	if (!gained)
		return 1;
	if (gained & ~(was->bounding | was->inheritable))
		return 0;
	if (!now->uid || !now->euid || BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		return 1;
	/* Root of another user namespace has another number. */
	struct user_namespace *user = (void *)now->user;
	return BPF_CORE_READ(user, ns.inum) != INITIAL_USER_NAMESPACE;
}

/* What an execution did to the credentials: told at once if the image cannot have done it, and by
 * returning its cause for after the execution if it can. `was` gets what was before. */
static __noinline u32 credentials_at_exec(struct linux_binprm *bprm, struct credentials *was)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct remembered *own = bpf_task_storage_get(&REMEMBERED, task, 0, 0);
	u32 cause = 0;
	if (own && own->known) {
		struct credentials now;
		read_credentials(task, &now);
		*was = own->credentials;
		if (!image_explains(was, &now, bprm))
			tell_credentials(was, &now, CREDENTIALS_CAUSE_UNEXPLAINED, 0, 1);
		else if (!same_credentials(was, &now))
			cause = CREDENTIALS_CAUSE_IMAGE;
	}
	remember(task);
	return cause;
}
