/* What a call on a name led to, from the kernel's own hooks for security modules. They see the
 * directory entry in the middle of the call, before it changes; the exit of the call then tells
 * that instead of what the caller's memory says. A kernel whose security modules do not include
 * BPF refuses or never runs these programs, and paths are told as given. */
#pragma once
#include "given.h"

/* What a hook has seen of the call that its task is in. */
struct seen {
	u16 kind;
	u16 text_len;
	u16 text2_len;
	u16 marks; /* EVENT_MARK_TRUNCATED */
	u32 device;
	u64 inode; /* 0: it is made by the call */
	struct dentry *dentry;
	struct dentry *parent;
	char text[PATH_KEPT];
	char text2[PATH_KEPT];
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct seen);
} SEEN SEC(".maps");

/* Copies the path that was resolved. */
static __always_inline u16 keep_path(struct scratch *s, struct seen *seen, char *to)
{
	u32 start = s->walk.start, len;
	opaque(start);
	if (s->walk.flags & WALK_TRUNCATED)
		seen->marks |= EVENT_MARK_TRUNCATED;
	if (start >= PATH_KEPT)
		return 0;
	len = PATH_KEPT - start;
	bpf_probe_read_kernel(to, len, s->walk.text + start);
	return len;
}

/* Remembers an entry in a mount, and the one that it is made from, if any. */
static __noinline int see(u16 kind, struct vfsmount *mnt, struct dentry *dentry,
			  struct vfsmount *old_mnt, struct dentry *old)
{
	struct task_struct *task = bpf_get_current_task_btf();
	if (task->tgid == filter.self || !wanted(kind))
		return 0;
	struct seen *seen =
		bpf_task_storage_get(&SEEN, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!seen)
		return 0;
	seen->kind = 0;
	seen->marks = 0;
	seen->text2_len = 0;
	struct scratch *s = claim();
	if (!s)
		return 0;
	struct dentry *about = old ? old : dentry;
	struct inode *inode = BPF_CORE_READ(about, d_inode);
	seen->inode = inode ? BPF_CORE_READ(inode, i_ino) : 0;
	seen->device = BPF_CORE_READ(about, d_sb, s_dev);
	seen->dentry = dentry;
	seen->parent = BPF_CORE_READ(dentry, d_parent);
	resolve(s, mnt, dentry);
	seen->text_len = keep_path(s, seen, seen->text);
	if (old) {
		resolve(s, old_mnt, old);
		seen->text2_len = keep_path(s, seen, seen->text2);
	}
	release(s);
	seen->kind = kind;
	return 0;
}

static __always_inline int see_entry(u16 kind, struct path *dir, struct dentry *dentry)
{
	return see(kind, BPF_CORE_READ(dir, mnt), dentry, 0, 0);
}

static __always_inline int see_file(u16 kind, struct path *path)
{
	return see(kind, BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry), 0, 0);
}

SEC("lsm/path_unlink")
int BPF_PROG(see_unlink, struct path *dir, struct dentry *dentry)
{
	return see_entry(KIND_UNLINK, dir, dentry);
}

SEC("lsm/path_rmdir")
int BPF_PROG(see_rmdir, struct path *dir, struct dentry *dentry)
{
	return see_entry(KIND_UNLINK, dir, dentry);
}

SEC("lsm/path_mkdir")
int BPF_PROG(see_mkdir, struct path *dir, struct dentry *dentry)
{
	return see_entry(KIND_MKDIR, dir, dentry);
}

/* Also runs where an open makes a plain file. */
SEC("lsm/path_mknod")
int BPF_PROG(see_mknod, struct path *dir, struct dentry *dentry, u16 mode)
{
	u32 type = mode & S_IFMT;
	return type && type != S_IFREG ? see_entry(KIND_MKNOD, dir, dentry) : 0;
}

SEC("lsm/path_symlink")
int BPF_PROG(see_symlink, struct path *dir, struct dentry *dentry)
{
	return see_entry(KIND_SYMLINK, dir, dentry);
}

/* The old name lies in the same mount as the new one. */
SEC("lsm/path_link")
int BPF_PROG(see_link, struct dentry *old, struct path *dir, struct dentry *dentry)
{
	struct vfsmount *mnt = BPF_CORE_READ(dir, mnt);
	return see(KIND_LINK, mnt, dentry, mnt, old);
}

SEC("lsm/path_rename")
int BPF_PROG(see_rename, struct path *old_dir, struct dentry *old, struct path *dir,
	     struct dentry *dentry)
{
	return see(KIND_RENAME, BPF_CORE_READ(dir, mnt), dentry, BPF_CORE_READ(old_dir, mnt), old);
}

SEC("lsm/path_chmod")
int BPF_PROG(see_chmod, struct path *path)
{
	return see_file(KIND_CHMOD, path);
}

SEC("lsm/path_chown")
int BPF_PROG(see_chown, struct path *path)
{
	return see_file(KIND_CHOWN, path);
}

SEC("lsm/path_truncate")
int BPF_PROG(see_truncate, struct path *path)
{
	return see_file(KIND_TRUNCATE, path);
}

/* What a hook has seen of this call, if one ran. It is for one call alone: `unsee` follows. */
static __always_inline struct seen *seen_of(u16 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct seen *seen = bpf_task_storage_get(&SEEN, task, 0, 0);
	return seen && seen->kind == kind ? seen : 0;
}

static __always_inline void unsee(struct seen *seen)
{
	seen->kind = 0;
}

static __always_inline u32 append_seen(struct scratch *s, const char *text, u32 len)
{
	return append(s, text, len, PATH_KEPT);
}

/* Tells what was seen instead of what was given. */
static __noinline int tell_seen(struct scratch *s, struct seen *seen)
{
	u64 inode = seen->inode;
	struct dentry *dentry = seen->dentry;
	/* What the call has made stands in the entry that it was shown, unless that has gone since. */
	if (!inode && BPF_CORE_READ(dentry, d_parent) == seen->parent)
		inode = BPF_CORE_READ(dentry, d_inode, i_ino);
	s->record.b = inode;
	s->record.c = seen->device;
	s->record.marks |= seen->marks;
	s->record.text_len = append_seen(s, seen->text, seen->text_len);
	if (seen->text2_len)
		s->record.text2_len = append_seen(s, seen->text2, seen->text2_len);
	if (!inode)
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	return 0;
}
