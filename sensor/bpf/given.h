/* Paths as a system call was given them. Most calls that work on a name leave nothing in the
 * kernel that says, at their end, what the name led to. So the record carries the name, read from
 * the caller's memory, and before it the kernel's own path of the directory that it is relative
 * to; user space resolves them a moment later (src/live/given.rs). */
#pragma once
#include "kernel.h"

/* Bytes of a given path that are kept. Two of them with their directories fill a body: what does
 * not fit was padded to hide something, and "truncated" says so. */
#define GIVEN_KEPT 3072

/* The directory of the process's root asks a server before it lets itself be looked at. */
#define DCACHE_OP_WEAK_REVALIDATE 0x800

static __always_inline int has_root(struct task_struct *task, const struct path *root)
{
	if (!task)
		return 0;
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	return fs && BPF_CORE_READ(fs, root.dentry) == root->dentry &&
	       BPF_CORE_READ(fs, root.mnt) == root->mnt;
}

/* Whose root directory may stand for that of the current task once it is gone. */
static __always_inline u32 root_marks(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 marks = 0;
	struct path root = { .mnt = BPF_CORE_READ(task, fs, root.mnt),
			     .dentry = BPF_CORE_READ(task, fs, root.dentry) };
	/* The first of a pid's numbers is that of the machine's own pid namespace. */
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *ns = 0;
	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (void *)&pid->numbers + bpf_core_field_offset(struct upid, ns));
	if (has_root(task_in(ns, filter.self), &root))
		return GIVEN_AGENT_ROOT;
	if (has_root(BPF_CORE_READ(task, real_parent), &root))
		marks |= GIVEN_PARENT_ROOT;
	struct dentry *top = root.dentry;
	if (BPF_CORE_READ(top, d_flags) & DCACHE_OP_WEAK_REVALIDATE)
		marks |= GIVEN_FOREIGN;
	return marks;
}

static __always_inline u32 append_byte(struct scratch *s, u8 byte)
{
	u32 at = s->used;
	opaque(at);
	if (at > BODY_KEPT - 1)
		return 0;
	s->body[at] = byte;
	s->used = at + 1;
	return 1;
}

/* What is known of where the last path began: device and number of the mount. */
static __always_inline u64 place_of(struct vfsmount *mnt)
{
	return BPF_CORE_READ(mnt, mnt_sb, s_dev) |
	       (u64)(u32)BPF_CORE_READ(mount_of(mnt), mnt_id) << 32;
}

/* The file that a descriptor, or AT_FDCWD, stands for. */
static __always_inline struct path behind(s32 directory)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct path path = {};
	if (directory == AT_FDCWD) {
		path.mnt = BPF_CORE_READ(task, fs, pwd.mnt);
		path.dentry = BPF_CORE_READ(task, fs, pwd.dentry);
		return path;
	}
	struct file *file = file_of(directory);
	if (file) {
		path.mnt = BPF_CORE_READ(file, f_path.mnt);
		path.dentry = BPF_CORE_READ(file, f_path.dentry);
	}
	return path;
}

/* Appends the directory that `directory` stands for, a NUL, and the path at `name` in the
 * caller's memory; of an absolute path the first part is empty. The first path that a record gets
 * also says where it begins, in c. */
static __noinline u32 append_given(struct scratch *s, s32 directory, const char *name)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 len = 0, more;
	char first = 0;
	struct vfsmount *mnt;
	s->record.marks |= EVENT_MARK_AS_GIVEN;
	bpf_probe_read_user(&first, 1, name);
	if (first == '/') {
		mnt = BPF_CORE_READ(task, fs, root.mnt);
	} else {
		struct path path = behind(directory);
		mnt = path.mnt;
		if (is_foreign(mnt))
			s->record.marks |= GIVEN_FOREIGN;
		resolve(s, mnt, path.dentry);
		if (s->walk.flags)
			s->record.marks |= GIVEN_FOREIGN;
		len = append_path(s, PATH_KEPT);
	}
	if (!s->record.c)
		s->record.c = place_of(mnt);
	len += append_byte(s, 0);
	more = append_user_string(s, name, GIVEN_KEPT);
	return len + more;
}

/* An open as it was asked for: what it opened is not, or no longer, to be had from the kernel. `found`
 * is the file that stands in its place, which user space tells apart from it. */
static __noinline int tell_open_as_given(s32 directory, const char *name, u32 flags, s32 ret,
					 u64 found)
{
	struct scratch *s = begin(KIND_OPEN);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = flags;
	s->record.text_len = append_given(s, directory, name);
	s->record.b = found;
	s->record.marks |= EVENT_MARK_INCOMPLETE | root_marks() |
			   (flags & O_NOFOLLOW ? 0 : GIVEN_FOLLOW);
	finish(s, KIND_OPEN);
	return 0;
}
