/* Life of processes: exec, fork, exit. */
#pragma once
#include "cgroup.h"
#include "credentials.h"
#include "origin.h"
#include "stream.h"

/* A command line keeps its head and its tail: enough for what is run and for what is given last,
 * however much an attacker puts between. */
#define ARGS_HEAD 3072
#define ARGS_TAIL 1024
/* Bytes of the name given to execve. */
#define FILENAME_KEPT 256

#define CLONE_NEWTIME 0x80
#define CLONE_NEWNS 0x20000
#define CLONE_NEWCGROUP 0x2000000
#define CLONE_NEWUTS 0x4000000
#define CLONE_NEWIPC 0x8000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000
#define SIGNAL_GROUP_EXIT 4

static __always_inline u32 image_marks(struct task_struct *task, struct file *exe,
				       struct inode *inode, u32 links)
{
	u32 marks = 0;
	struct vfsmount *mnt = BPF_CORE_READ(exe, f_path.mnt);
	u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (!links) {
		marks |= PROCESS_MARK_DELETED_IMAGE;
		if ((magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC) && is_internal(mnt))
			marks |= PROCESS_MARK_MEMFD_IMAGE;
	}
	if (magic == OVERLAYFS_MAGIC && is_in_upper_layer(inode))
		marks |= PROCESS_MARK_WRITTEN_IMAGE;
	if (is_of_another(mnt, BPF_CORE_READ(task, nsproxy, mnt_ns)))
		marks |= PROCESS_MARK_FOREIGN_IMAGE;
	return marks;
}

/* Copies the command line out of the new image's memory. */
static __noinline int append_args(struct scratch *s, struct image *image)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 from = BPF_CORE_READ(task, mm, arg_start), to = BPF_CORE_READ(task, mm, arg_end);
	u64 len = to - from;
	u32 at = s->used;
	image->args_total = 0;
	image->args_len = 0;
	/* The last argument's NUL is left out. */
	if (to <= from + 1)
		return 0;
	len--;
	image->args_total = len;
	opaque(at);
	if (at > BODY_KEPT - 1)
		return 0;
	if (len <= ARGS_HEAD + ARGS_TAIL - 1) {
		u32 all = len;
		opaque(all);
		all &= ARGS_HEAD + ARGS_TAIL - 1;
		if (bpf_probe_read_user(s->body + at, all, (void *)from))
			goto unreadable;
		s->used = at + all;
		image->args_len = all;
		return 0;
	}
	if (bpf_probe_read_user(s->body + at, ARGS_HEAD, (void *)from))
		goto unreadable;
	at += ARGS_HEAD;
	opaque(at);
	if (at > BODY_KEPT - 1)
		return 0;
	__builtin_memcpy(s->body + at, "\0...", 5);
	at += 5;
	opaque(at);
	if (at > BODY_KEPT - 1)
		return 0;
	if (bpf_probe_read_user(s->body + at, ARGS_TAIL, (void *)(from + len - ARGS_TAIL)))
		goto unreadable;
	s->used = at + ARGS_TAIL;
	image->args_len = ARGS_HEAD + 5 + ARGS_TAIL;
	return 0;
unreadable:
	s->record.marks |= EVENT_MARK_INCOMPLETE;
	return 0;
}

/* A function, so that its stack is not there while credentials are told. */
static __noinline int tell_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	struct scratch *s = begin(KIND_EXEC);
	if (!s)
		return 0;
	s->record.blocks = BLOCK_IMAGE;
	struct image *image = reserve(s, sizeof(struct image) + 3 * sizeof(struct stream));
	struct stream *streams = (void *)(image + 1);
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	u32 links = BPF_CORE_READ(inode, i_nlink);
	image->inode = BPF_CORE_READ(inode, i_ino);
	image->device = BPF_CORE_READ(inode, i_sb, s_dev);
	image->marks = image_marks(task, exe, inode, links);
	s->record.a = image->inode;
	s->record.b = image->device | (u64)links << 32;
	s->record.text_len = append_path_of(s, exe, PATH_KEPT);
	s->record.text2_len = append_kernel_string(s, bprm->filename, FILENAME_KEPT);
	append_args(s, image);
	resolve(s, BPF_CORE_READ(task, fs, pwd.mnt), BPF_CORE_READ(task, fs, pwd.dentry));
	image->cwd_len = append_path(s, PATH_KEPT);
	describe(s, (u64)file_of(0), &streams[0], 0);
	describe(s, (u64)file_of(1), &streams[1], 1);
	describe(s, (u64)file_of(2), &streams[2], 2);
	finish(s, KIND_EXEC);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct credentials was;
	u32 cause = credentials_at_exec(bprm, &was);
	tell_exec(task, bprm);
	if (cause) {
		struct credentials now;
		read_credentials(task, &now);
		tell_credentials(&was, &now, cause, 0, 0);
	}
	return 0;
}

/* The pid namespace that a task lives in, which is not the one for its children. */
static __always_inline struct pid_namespace *active_pid_namespace(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *ns = 0;
	void *number = (void *)&pid->numbers + (u64)level * bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(&ns, sizeof(ns), number + bpf_core_field_offset(struct upid, ns));
	return ns;
}

#define shares(ours, theirs, field) (BPF_CORE_READ(ours, field) == BPF_CORE_READ(theirs, field))

static __always_inline u32 namespaces_not_shared(struct task_struct *parent,
						 struct task_struct *child)
{
	u32 bits = 0;
	struct nsproxy *ours = BPF_CORE_READ(parent, nsproxy);
	struct nsproxy *theirs = BPF_CORE_READ(child, nsproxy);
	if (BPF_CORE_READ(parent, cred, user_ns) != BPF_CORE_READ(child, cred, user_ns))
		bits |= CLONE_NEWUSER;
	/* Also where the parent has unshared it for its children before. */
	if (active_pid_namespace(parent) != active_pid_namespace(child))
		bits |= CLONE_NEWPID;
	if (ours == theirs)
		return bits;
	if (!shares(ours, theirs, mnt_ns))
		bits |= CLONE_NEWNS;
	if (!shares(ours, theirs, uts_ns))
		bits |= CLONE_NEWUTS;
	if (!shares(ours, theirs, ipc_ns))
		bits |= CLONE_NEWIPC;
	if (!shares(ours, theirs, net_ns))
		bits |= CLONE_NEWNET;
	if (!shares(ours, theirs, cgroup_ns))
		bits |= CLONE_NEWCGROUP;
	if (bpf_core_field_exists(struct nsproxy, time_ns_for_children) &&
	    !shares(ours, theirs, time_ns_for_children))
		bits |= CLONE_NEWTIME;
	return bits;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	check_credentials(parent, 1);
	remember(child);
	if (BPF_CORE_READ(parent, cgroups) != BPF_CORE_READ(child, cgroups))
		made_in_group(parent, child);
	/* A thread, not a process. */
	if (child->tgid == parent->tgid)
		return 0;
	struct scratch *s = begin(KIND_FORK);
	if (!s)
		return 0;
	s->record.target = child->tgid;
	s->record.target_start = child->start_boottime;
	s->record.blocks = BLOCK_TARGET;
	s->record.a = namespaces_not_shared(parent, child);
	finish(s, KIND_FORK);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	check_credentials(task, 0);
	/* Other threads of the process live on. */
	if (BPF_CORE_READ(signal, live.counter))
		return 0;
	/* Pinned programs outlive their agent: whoever gets its number next is not it. */
	if (task->tgid == filter.self)
		filter.self = 0;
	struct scratch *s = begin(KIND_EXIT);
	if (!s)
		return 0;
	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		s->record.a = (u32)BPF_CORE_READ(signal, group_exit_code);
	else
		s->record.a = (u32)BPF_CORE_READ(task, group_leader, exit_code);
	finish(s, KIND_EXIT);
	return 0;
}
