/* What happens to files other than being opened: names that come and go, modes, owners,
 * attributes, flags, lengths. One program for each form of arguments; what they have in common is
 * `tell`. Calls on a descriptor are told from the kernel's own file, calls on a name as given. */
#pragma once
#include "lsm.h"
#include "memory.h"

/* The kernel's flags of an inode. */
#define S_SYNC 1
#define S_NOATIME 2
#define S_APPEND 4
#define S_IMMUTABLE 8
#define S_DIRSYNC 64

#define FS_SYNC_FL 0x8
#define FS_IMMUTABLE_FL 0x10
#define FS_APPEND_FL 0x20
#define FS_NOATIME_FL 0x80
#define FS_DIRSYNC_FL 0x10000

#define FS_XFLAG_IMMUTABLE 0x8
#define FS_XFLAG_APPEND 0x10
#define FS_XFLAG_SYNC 0x20
#define FS_XFLAG_NOATIME 0x40

#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC32_SETFLAGS 0x40046602
#define FS_IOC_FSSETXATTR 0x401c5820

/* What was done, by the form of the call. What a form lacks is 0. */
struct act {
	long ret;
	u64 a;
	const char *path; /* none: the file behind `directory` */
	const char *old_path;
	const char *string; /* text2, where that is no path */
	s32 directory;
	s32 old_directory;
	u32 follow; /* given_mark */
	u16 kind;
};

/* An attempt is told where it was refused for what it is, and not for a name that is missing. */
static __always_inline int is_told(long ret)
{
	return ret >= 0 || ret == -EPERM || ret == -EACCES || ret == -EROFS;
}

/* The path, or none where it is empty. Without a branch: before 6.8 the verifier loses track of a
 * constant that a program hands to a function through its stack, as `struct act` does. It would
 * look at `tell` with a path that is known to be none, take any other path for the same, and
 * leave out of `tell` what is for those. */
static __always_inline u64 unless_empty(u64 path)
{
	u64 first = 0;
	u64 some = bpf_probe_read_user(&first, 1, (void *)path);
	/* Now 0 if there is no name; what cannot be read is one. Then all bits if there is one. */
	some |= first;
	some |= -some;
	opaque(some);
	return path & (u64)((s64)some >> 63);
}

static __always_inline void tell_file(struct scratch *s, const struct path *path)
{
	struct dentry *dentry = path->dentry;
	s->record.b = BPF_CORE_READ(dentry, d_inode, i_ino);
	s->record.c = BPF_CORE_READ(dentry, d_sb, s_dev);
	resolve(s, path->mnt, dentry);
	s->record.text_len = append_path(s, PATH_KEPT);
}

/* Appends the name of the attribute that the request to an io_uring is about which is told now. */
static __noinline u32 append_attribute(struct scratch *s)
{
	u32 zero = 0, len = 0;
	struct work *work = bpf_map_lookup_elem(&WORK, &zero);
	u64 request = work ? work->request : 0;
	struct attribute_name *name = bpf_map_lookup_elem(&ATTRIBUTES, &request);
	if (name)
		len = append_kernel_string(s, name->bytes, ATTRIBUTE_KEPT);
	else
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	bpf_map_delete_elem(&ATTRIBUTES, &request);
	return len;
}

static __always_inline int tell_inline(struct act *act)
{
	struct path file = {};
	/* Taken in any case: it must not outlive its call. */
	struct seen *seen = seen_of(act->kind);
	if (seen)
		unsee(seen);
	if (!is_told(act->ret))
		return 0;
	if (!act->path) {
		file = behind(act->directory);
		if (!file.dentry)
			return unreadable(act->kind);
	}
	struct scratch *s = begin(act->kind);
	if (!s)
		return 0;
	s->record.ret = act->ret;
	s->record.a = act->a;
	/* Where a call was refused, no hook may have run. */
	if (seen && act->path && act->ret == 0)
		tell_seen(s, seen);
	else if (act->path)
		s->record.text_len = append_given(s, act->directory, act->path);
	else
		tell_file(s, &file);
	if (s->record.text2_len) {
		/* Seen. */
	} else if (act->old_path) {
		s->record.text2_len = append_given(s, act->old_directory, act->old_path);
	} else if (act->string) {
		s->record.text2_len = append_user_string(s, act->string, GIVEN_KEPT);
	} else if (act->kind == KIND_XATTR) {
		s->record.text2_len = append_attribute(s);
	} else if (act->kind == KIND_LINK) {
		struct path old = behind(act->old_directory);
		if (old.dentry) {
			resolve(s, old.mnt, old.dentry);
			s->record.text2_len = append_path(s, PATH_KEPT);
		}
	}
	if (s->record.marks & EVENT_MARK_AS_GIVEN)
		s->record.marks |= act->follow | root_marks();
	finish(s, act->kind);
	return 0;
}

static __noinline int tell(struct act *act)
{
	return tell_inline(act);
}

/* ---- rename */

static __always_inline int renamed(long ret, s32 from, u64 old, s32 to, u64 new, u32 flags)
{
	struct act act = {
		.kind = KIND_RENAME,
		.ret = ret,
		.a = flags,
		.directory = to,
		.path = (void *)new,
		.old_directory = from,
		.old_path = (void *)old,
	};
	return tell(&act);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_rename, struct pt_regs *regs, long ret)
{
	return renamed(ret, AT_FDCWD, ARG1(regs), AT_FDCWD, ARG2(regs), 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_renameat, struct pt_regs *regs, long ret)
{
	return renamed(ret, ARG1(regs), ARG2(regs), ARG3(regs), ARG4(regs), 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_renameat2, struct pt_regs *regs, long ret)
{
	return renamed(ret, ARG1(regs), ARG2(regs), ARG3(regs), ARG4(regs), ARG5(regs));
}

/* ---- unlink, mkdir, mknod, truncate: one name and a number */

static __always_inline int named(u16 kind, long ret, s32 directory, u64 path, u64 a)
{
	struct act act = {
		.kind = kind,
		.ret = ret,
		.a = a,
		.directory = directory,
		.path = (void *)path,
	};
	return tell(&act);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_unlink, struct pt_regs *regs, long ret)
{
	return named(KIND_UNLINK, ret, AT_FDCWD, ARG1(regs), 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_rmdir, struct pt_regs *regs, long ret)
{
	return named(KIND_UNLINK, ret, AT_FDCWD, ARG1(regs), AT_REMOVEDIR);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_unlinkat, struct pt_regs *regs, long ret)
{
	return named(KIND_UNLINK, ret, ARG1(regs), ARG2(regs), ARG3(regs) & AT_REMOVEDIR);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mkdir, struct pt_regs *regs, long ret)
{
	return named(KIND_MKDIR, ret, AT_FDCWD, ARG1(regs), (u32)ARG2(regs));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mkdirat, struct pt_regs *regs, long ret)
{
	return named(KIND_MKDIR, ret, ARG1(regs), ARG2(regs), (u32)ARG3(regs));
}

/* A device number as programs give it, in the form that events use. */
static __always_inline u64 given_device(u32 device)
{
	u32 major = (device & 0xfff00) >> 8, minor = (device & 0xff) | (device >> 12 & 0xfff00);
	return (u64)(major << 20 | minor) << 32;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mknod, struct pt_regs *regs, long ret)
{
	return named(KIND_MKNOD, ret, AT_FDCWD, ARG1(regs),
		     (u32)ARG2(regs) | given_device(ARG3(regs)));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mknodat, struct pt_regs *regs, long ret)
{
	return named(KIND_MKNOD, ret, ARG1(regs), ARG2(regs),
		     (u32)ARG3(regs) | given_device(ARG4(regs)));
}

/* ---- calls on the file that a name leads to */

static __always_inline int changed(u16 kind, long ret, s32 directory, u64 path, u32 at, u64 a)
{
	struct act act = {
		.kind = kind,
		.ret = ret,
		.a = a,
		.directory = directory,
		.path = (void *)unless_empty(path),
		.follow = at & AT_SYMLINK_NOFOLLOW ? 0 : GIVEN_FOLLOW,
	};
	return tell(&act);
}

/* The length, which 32-bit calls give in two halves. */
static __always_inline u64 given_length(struct pt_regs *regs)
{
	u32 number = compat_number(regs);
	u64 length = ARG2(regs);
	if (number == COMPAT_TRUNCATE64 || number == COMPAT_FTRUNCATE64)
		length |= ARG3(regs) << 32;
	return length;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_truncate, struct pt_regs *regs, long ret)
{
	return changed(KIND_TRUNCATE, ret, AT_FDCWD, ARG1(regs), 0, given_length(regs));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_ftruncate, struct pt_regs *regs, long ret)
{
	return named(KIND_TRUNCATE, ret, ARG1(regs), 0, given_length(regs));
}

#define PERMISSIONS 07777

SEC("tp_btf/sys_exit")
int BPF_PROG(on_chmod, struct pt_regs *regs, long ret)
{
	return changed(KIND_CHMOD, ret, AT_FDCWD, ARG1(regs), 0, ARG2(regs) & PERMISSIONS);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fchmod, struct pt_regs *regs, long ret)
{
	return named(KIND_CHMOD, ret, ARG1(regs), 0, ARG2(regs) & PERMISSIONS);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fchmodat, struct pt_regs *regs, long ret)
{
	return changed(KIND_CHMOD, ret, ARG1(regs), ARG2(regs), 0, ARG3(regs) & PERMISSIONS);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fchmodat2, struct pt_regs *regs, long ret)
{
	return changed(KIND_CHMOD, ret, ARG1(regs), ARG2(regs), ARG4(regs),
		       ARG3(regs) & PERMISSIONS);
}

static __always_inline u64 ids(u64 owner, u64 group)
{
	return (u32)owner | group << 32;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_chown, struct pt_regs *regs, long ret)
{
	return changed(KIND_CHOWN, ret, AT_FDCWD, ARG1(regs), 0, ids(ARG2(regs), ARG3(regs)));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_lchown, struct pt_regs *regs, long ret)
{
	return changed(KIND_CHOWN, ret, AT_FDCWD, ARG1(regs), AT_SYMLINK_NOFOLLOW,
		       ids(ARG2(regs), ARG3(regs)));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fchown, struct pt_regs *regs, long ret)
{
	return named(KIND_CHOWN, ret, ARG1(regs), 0, ids(ARG2(regs), ARG3(regs)));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fchownat, struct pt_regs *regs, long ret)
{
	return changed(KIND_CHOWN, ret, ARG1(regs), ARG2(regs), ARG5(regs),
		       ids(ARG3(regs), ARG4(regs)));
}

/* ---- links */

static __always_inline int linked(long ret, s32 from, u64 old, s32 to, u64 new, u32 at)
{
	struct act act = {
		.kind = KIND_LINK,
		.ret = ret,
		.directory = to,
		.path = (void *)new,
		.old_directory = from,
		.old_path = (void *)unless_empty(old),
		.follow = at & AT_SYMLINK_FOLLOW ? GIVEN_OLD_FOLLOW : 0,
	};
	return tell(&act);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_link, struct pt_regs *regs, long ret)
{
	return linked(ret, AT_FDCWD, ARG1(regs), AT_FDCWD, ARG2(regs), 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_linkat, struct pt_regs *regs, long ret)
{
	return linked(ret, ARG1(regs), ARG2(regs), ARG3(regs), ARG4(regs), ARG5(regs));
}

static __always_inline int symlinked(long ret, u64 content, s32 directory, u64 path)
{
	struct act act = {
		.kind = KIND_SYMLINK,
		.ret = ret,
		.directory = directory,
		.path = (void *)path,
		.string = (void *)content,
	};
	return tell(&act);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_symlink, struct pt_regs *regs, long ret)
{
	return symlinked(ret, ARG1(regs), AT_FDCWD, ARG2(regs));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_symlinkat, struct pt_regs *regs, long ret)
{
	return symlinked(ret, ARG1(regs), ARG2(regs), ARG3(regs));
}

/* ---- extended attributes */

static __always_inline int attribute(u64 operation, long ret, s32 directory, u64 path, u32 at,
				     u64 name)
{
	struct act act = {
		.kind = KIND_XATTR,
		.ret = ret,
		.a = operation,
		.directory = directory,
		.path = (void *)unless_empty(path),
		.string = (void *)name,
		.follow = at & AT_SYMLINK_NOFOLLOW ? 0 : GIVEN_FOLLOW,
	};
	return tell(&act);
}

/* The calls that set and those that remove have the same first arguments. */
#define ATTRIBUTE_CALLS(operation, value)                                                          \
	SEC("tp_btf/sys_exit")                                                                     \
	int BPF_PROG(on_##operation##xattr, struct pt_regs *regs, long ret)                        \
	{                                                                                          \
		return attribute(value, ret, AT_FDCWD, ARG1(regs), 0, ARG2(regs));                 \
	}                                                                                          \
	SEC("tp_btf/sys_exit")                                                                     \
	int BPF_PROG(on_l##operation##xattr, struct pt_regs *regs, long ret)                       \
	{                                                                                          \
		return attribute(value, ret, AT_FDCWD, ARG1(regs), AT_SYMLINK_NOFOLLOW,            \
				 ARG2(regs));                                                      \
	}                                                                                          \
	SEC("tp_btf/sys_exit")                                                                     \
	int BPF_PROG(on_f##operation##xattr, struct pt_regs *regs, long ret)                       \
	{                                                                                          \
		return attribute(value, ret, ARG1(regs), 0, 0, ARG2(regs));                        \
	}                                                                                          \
	SEC("tp_btf/sys_exit")                                                                     \
	int BPF_PROG(on_##operation##xattrat, struct pt_regs *regs, long ret)                      \
	{                                                                                          \
		return attribute(value, ret, ARG1(regs), ARG2(regs), ARG3(regs), ARG4(regs));      \
	}

ATTRIBUTE_CALLS(set, XATTR_OPERATION_SET)
ATTRIBUTE_CALLS(remove, XATTR_OPERATION_REMOVE)

/* ---- flags of the inode */

static __always_inline u32 flags_of(u32 flags)
{
	return (flags & S_SYNC ? FS_SYNC_FL : 0) | (flags & S_IMMUTABLE ? FS_IMMUTABLE_FL : 0) |
	       (flags & S_APPEND ? FS_APPEND_FL : 0) | (flags & S_NOATIME ? FS_NOATIME_FL : 0) |
	       (flags & S_DIRSYNC ? FS_DIRSYNC_FL : 0);
}

static __always_inline u32 flags_asked(u32 flags)
{
	return (flags & FS_XFLAG_SYNC ? FS_SYNC_FL : 0) |
	       (flags & FS_XFLAG_IMMUTABLE ? FS_IMMUTABLE_FL : 0) |
	       (flags & FS_XFLAG_APPEND ? FS_APPEND_FL : 0) |
	       (flags & FS_XFLAG_NOATIME ? FS_NOATIME_FL : 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_ioctl, struct pt_regs *regs, long ret)
{
	u32 command = ARG2(regs), asked = 0;
	int extended = command == FS_IOC_FSSETXATTR;
	if (command == USERFAULTFD_IOC_NEW)
		return by_device(ARG1(regs), ARG3(regs), ret);
	if (!wanted(KIND_FILE_FLAGS))
		return 0;
	if (command != FS_IOC_SETFLAGS && command != FS_IOC32_SETFLAGS && !extended)
		return 0;
	struct file *file = file_of(ARG1(regs));
	if (!file)
		return is_told(ret) ? unreadable(KIND_FILE_FLAGS) : 0;
	if (ret == 0) {
		asked = flags_of(BPF_CORE_READ(file, f_inode, i_flags));
	} else {
		/* Refused: only the caller knows what it asked for. */
		bpf_probe_read_user(&asked, sizeof(asked), (void *)ARG3(regs));
		if (extended)
			asked = flags_asked(asked);
	}
	return named(KIND_FILE_FLAGS, ret, ARG1(regs), 0, asked);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_file_setattr, struct pt_regs *regs, long ret)
{
	u64 asked = 0;
	bpf_probe_read_user(&asked, sizeof(asked), (void *)ARG3(regs));
	return changed(KIND_FILE_FLAGS, ret, ARG1(regs), ARG2(regs), ARG5(regs),
		       flags_asked(asked));
}
