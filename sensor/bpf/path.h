/* Paths, from the kernel's own directory entries, as the process itself would write them. */
#pragma once
#include "emit.h"

/* Directories and mounts that a walk climbs before it gives up and says "truncated": what a
 * deeply nested name could cost every open of it. */
#define WALK_STEPS 64

enum walk_flags {
	WALK_TRUNCATED = 1,
	/* The file is not below the root of the mount that it was reached through. */
	WALK_OUTSIDE = 2,
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct vfsmount *vfsmount_of(struct mount *mount)
{
	return (void *)mount + bpf_core_field_offset(struct mount, mnt);
}

static __always_inline int is_internal(struct vfsmount *mnt)
{
	return BPF_CORE_READ(mnt, mnt_flags) & MNT_INTERNAL;
}

/* Inode number that newer kernels give every mount namespace that is not shown anywhere. */
#define ANONYMOUS_NAMESPACE 0xeffffff7

/* Whether the mount is not, or no longer, attached anywhere: only a descriptor leads to it. */
static __always_inline int is_detached(struct mount *mount)
{
	struct mnt_namespace *of = BPF_CORE_READ(mount, mnt_ns);
	u32 inum = 0;
	if (of)
		inum = BPF_CORE_READ(of, ns.inum);
	return (!inum || inum == ANONYMOUS_NAMESPACE) && !is_internal(vfsmount_of(mount));
}

/* What a directory entry is called and where, in one read where the two lie side by side. */
struct entry {
	struct dentry *parent;
	struct qstr name;
};

static __always_inline void read_entry(struct entry *entry, struct dentry *dentry)
{
	if (bpf_core_field_offset(struct dentry, d_name) ==
	    bpf_core_field_offset(struct dentry, d_parent) + sizeof(entry->parent)) {
		bpf_core_read(entry, sizeof(*entry), &dentry->d_parent);
	} else {
		bpf_core_read(&entry->parent, sizeof(entry->parent), &dentry->d_parent);
		bpf_core_read(&entry->name, sizeof(entry->name), &dentry->d_name);
	}
}

/* One step of a walk. Its state is in the map value, which keeps every turn alike to the
 * verifier. */
static long climb_step(u32 turn, void *context)
{
	struct scratch *s = *(struct scratch **)context;
	struct walk *w = &s->walk;
	struct dentry *dentry = (void *)w->dentry;
	struct mount *mount = (void *)w->mount;
	if (w->dentry == w->root_dentry && w->mount == w->root_mount) {
		w->flags = 0;
		return 1;
	}
	if (w->dentry == w->top) {
		struct mount *parent = BPF_CORE_READ(mount, mnt_parent);
		if (parent == mount || !parent) {
			/* Of a detached mount, the path within its whole file system: a copy of
			 * /etc that is attached nowhere must not make /etc/shadow a /shadow. */
			u64 whole = (u64)BPF_CORE_READ(vfsmount_of(mount), mnt_sb, s_root);
			if (whole && w->top != whole && is_detached(mount)) {
				w->top = whole;
				return 0;
			}
			w->flags = 0;
			return 1;
		}
		w->dentry = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
		w->mount = (u64)parent;
		w->top = (u64)BPF_CORE_READ(vfsmount_of(parent), mnt_root);
		return 0;
	}
	struct entry entry;
	read_entry(&entry, dentry);
	struct dentry *parent = entry.parent;
	struct qstr name = entry.name;
	/* The root of a whole file system: what has no name, or was reached from elsewhere. */
	if (parent == dentry) {
		w->flags = WALK_OUTSIDE;
		if (w->start != PATH_KEPT)
			return 1;
	}
	u32 len = name.len & (NAME_LONGEST - 1), at = w->start;
	opaque(at);
	if (at > PATH_KEPT || at < len + 1) {
		w->flags = WALK_TRUNCATED;
		return 1;
	}
	at -= len;
	opaque(at);
	bpf_probe_read_kernel(&w->text[at & (PATH_KEPT - 1)], len, name.name);
	at--;
	w->text[at & (PATH_KEPT - 1)] = '/';
	w->start = at;
	w->dentry = (u64)parent;
	return parent == dentry;
}

/* Climbs from walk.dentry in walk.mount to the root. Not static: see above. */
__noinline int climb(struct scratch *s)
{
	if (!s)
		return 0;
	struct walk *w = &s->walk;
	w->start = PATH_KEPT;
	w->flags = WALK_TRUNCATED;
	repeat(WALK_STEPS, climb_step, &s);
	if (w->start >= PATH_KEPT) {
		w->start = PATH_KEPT - 1;
		w->text[PATH_KEPT - 1] = '/';
	}
	return 0;
}

/* Finds the path of `dentry` in `mnt` up to a task's root. */
static __always_inline void resolve_for(struct scratch *s, struct task_struct *task,
					struct vfsmount *mnt, struct dentry *dentry)
{
	struct walk *w = &s->walk;
	w->dentry = (u64)dentry;
	w->mount = (u64)mount_of(mnt);
	w->top = (u64)BPF_CORE_READ(mnt, mnt_root);
	w->root_dentry = (u64)BPF_CORE_READ(task, fs, root.dentry);
	w->root_mount = (u64)mount_of(BPF_CORE_READ(task, fs, root.mnt));
	climb(s);
}

/* The same up to the current task's root. */
static __always_inline void resolve(struct scratch *s, struct vfsmount *mnt, struct dentry *dentry)
{
	resolve_for(s, (void *)bpf_get_current_task(), mnt, dentry);
}

/* Appends what was resolved: its last `most` bytes. */
static __always_inline u32 append_path(struct scratch *s, u32 most)
{
	struct walk *w = &s->walk;
	u32 start = w->start, len;
	opaque(start);
	if (start >= PATH_KEPT)
		return 0;
	if (w->flags & WALK_TRUNCATED)
		s->record.marks |= EVENT_MARK_TRUNCATED;
	len = PATH_KEPT - start;
	if (len > most) {
		s->record.marks |= EVENT_MARK_TRUNCATED;
		start += len - most;
		len = most;
	}
	return append(s, w->text + (start & (PATH_KEPT - 1)), len, most);
}

static __always_inline u32 append_path_for(struct scratch *s, struct task_struct *task,
					   struct file *file, u32 most)
{
	resolve_for(s, task, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
	return append_path(s, most);
}

static __always_inline u32 append_path_of(struct scratch *s, struct file *file, u32 most)
{
	return append_path_for(s, (void *)bpf_get_current_task(), file, most);
}

/* Whether the mount belongs to another mount namespace than this one. The kernel's own mounts
 * (pipes, memfds) and detached ones belong to nobody. */
static __always_inline int is_of_another(struct vfsmount *mnt, struct mnt_namespace *own)
{
	struct mnt_namespace *of = BPF_CORE_READ(mount_of(mnt), mnt_ns);
	return of != own && !is_internal(mnt) && !is_detached(mount_of(mnt));
}

/* Whether it belongs to somebody else than the current task. */
static __always_inline int is_foreign(struct vfsmount *mnt)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	return is_of_another(mnt, BPF_CORE_READ(task, nsproxy, mnt_ns));
}
