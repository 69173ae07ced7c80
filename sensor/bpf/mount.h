/* The mount family. What a successful call made is read from the kernel's own tables; only what
 * it was asked for comes from the caller's memory. */
#pragma once
#include "made.h"

#define FS_REQUIRES_DEV 1 /* of a type of file systems */
#define MS_REMOUNT 0x20
#define MS_BIND 0x1000
#define MS_MOVE 0x2000
#define MS_REC 0x4000
#define MS_PROPAGATION 0x1e0000 /* unbindable, private, slave, shared */

#define UMOUNT_NOFOLLOW 8
#define MOVE_MOUNT_F_EMPTY_PATH 4
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#define FSPICK_SYMLINK_NOFOLLOW 1
#define FSPICK_EMPTY_PATH 8
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_PATH 3

/* Bytes of a name of a file system's type. */
#define TYPE_KEPT 64

/* What the record says of a file system; its name goes into the attribute at the end. */
static __always_inline void file_system(struct scratch *s, struct super_block *sb)
{
	s->record.b |= (u32)BPF_CORE_READ(sb, s_magic);
	s->record.c = BPF_CORE_READ(sb, s_dev);
	/* Of some that live on block devices no single one is the file system's: btrfs. */
	if (BPF_CORE_READ(sb, s_bdev) || BPF_CORE_READ(sb, s_type, fs_flags) & FS_REQUIRES_DEV)
		s->record.a |= (u64)MOUNT_MARK_BLOCK_DEVICE << 32;
}

static __always_inline u16 append_mount_path(struct scratch *s, struct vfsmount *mnt)
{
	resolve(s, mnt, BPF_CORE_READ(mnt, mnt_root));
	return append_path(s, PATH_KEPT);
}

/* Begins a record of the family: call, flags, and room for the attribute with the type's name. */
static __always_inline struct scratch *begin_mount(u32 operation, u32 flags, long ret)
{
	struct scratch *s = begin(KIND_MOUNT);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = flags;
	s->record.b = (u64)operation << 32;
	s->record.blocks = BLOCK_ATTR;
	struct attr *type = reserve(s, sizeof(struct attr));
	__builtin_memset(type, 0, sizeof(*type));
	type->key = 1;
	return s;
}

static __always_inline void type_from_kernel(struct scratch *s, struct file_system_type *type)
{
	((struct attr *)s->body)->text_len =
		append_kernel_string(s, BPF_CORE_READ(type, name), TYPE_KEPT);
}

static __always_inline void type_from_user(struct scratch *s, const void *name)
{
	((struct attr *)s->body)->text_len = append_user_string(s, name, TYPE_KEPT);
}

/* Names a mount and its file system; the path is the next text of the record. */
static __always_inline u16 tell_mount(struct scratch *s, struct vfsmount *mnt)
{
	struct super_block *sb = BPF_CORE_READ(mnt, mnt_sb);
	u16 len = append_mount_path(s, mnt);
	file_system(s, sb);
	type_from_kernel(s, BPF_CORE_READ(sb, s_type));
	return len;
}

/* Appends a path as the caller gave it, for user space to resolve. The device is set by whoever knows
 * it. `empty`: an empty name stands for what is behind `directory`. */
static __noinline u32 append_place(struct scratch *s, s32 directory, const char *name, u32 empty,
				   u32 follow)
{
	char first = 0;
	u32 len;
	if (empty && !bpf_probe_read_user(&first, 1, name) && !first) {
		struct path path = behind(directory);
		if (!path.dentry)
			return 0;
		resolve(s, path.mnt, path.dentry);
		return append_path(s, PATH_KEPT);
	}
	len = append_given(s, directory, name);
	s->record.c = 0;
	s->record.marks |= follow | root_marks();
	return len;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mount, struct pt_regs *regs, long ret)
{
	u32 flags = ARG4(regs), operation = MOUNT_OPERATION_MOUNT;
	if (flags & MS_REMOUNT)
		operation = MOUNT_OPERATION_REMOUNT;
	else if (flags & MS_BIND)
		operation = MOUNT_OPERATION_BIND;
	else if (flags & MS_PROPAGATION)
		operation = MOUNT_OPERATION_PROPAGATION;
	else if (flags & MS_MOVE)
		operation = MOUNT_OPERATION_MOVE;
	struct scratch *s = begin_mount(operation, flags, ret);
	if (!s)
		return 0;
	struct mount *mount = 0;
	struct vfsmount *made = 0;
	u32 sure = 1;
	if (ret == 0 && operation == MOUNT_OPERATION_MOUNT)
		mount = made_mount(s, (void *)ARG2(regs), 0, &sure);
	else if (ret == 0 && operation == MOUNT_OPERATION_BIND)
		mount = made_mount(s, (void *)ARG2(regs), flags & MS_REC, &sure);
	if (mount)
		made = vfsmount_of(mount);
	if (made && sure)
		s->record.text_len = append_mount_path(s, made);
	else
		s->record.text_len =
			append_place(s, AT_FDCWD, (void *)ARG2(regs), 0, GIVEN_FOLLOW);
	s->record.text2_len = append_user_string(s, (void *)ARG1(regs), PATH_KEPT);
	if (made) {
		struct super_block *sb = BPF_CORE_READ(made, mnt_sb);
		file_system(s, sb);
		type_from_kernel(s, BPF_CORE_READ(sb, s_type));
	} else if (sure) {
		type_from_user(s, (void *)ARG3(regs));
	} else {
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	}
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_umount, struct pt_regs *regs, long ret)
{
	/* The older one of the 32-bit calls has no flags. */
	u32 flags = compat_number(regs) == COMPAT_UMOUNT ? 0 : ARG2(regs);
	struct scratch *s = begin_mount(MOUNT_OPERATION_UMOUNT, flags, ret);
	if (!s)
		return 0;
	s->record.text_len = append_place(s, AT_FDCWD, (void *)ARG1(regs), 0,
					  flags & UMOUNT_NOFOLLOW ? 0 : GIVEN_FOLLOW);
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_move_mount, struct pt_regs *regs, long ret)
{
	u32 flags = ARG5(regs);
	struct scratch *s = begin_mount(MOUNT_OPERATION_MOVE, flags, ret);
	if (!s)
		return 0;
	/* With a descriptor alone, that is the mount; else only the two names are known. */
	struct file *from = flags & MOVE_MOUNT_F_EMPTY_PATH ? file_of(ARG1(regs)) : 0;
	if (ret == 0 && from) {
		s->record.text_len = tell_mount(s, BPF_CORE_READ(from, f_path.mnt));
	} else {
		s->record.text_len = append_place(s, ARG3(regs), (void *)ARG4(regs),
						  flags & MOVE_MOUNT_T_EMPTY_PATH, 0);
		s->record.text2_len = append_user_string(s, (void *)ARG2(regs), PATH_KEPT);
	}
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_open_tree, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin_mount(MOUNT_OPERATION_OPEN_TREE, ARG3(regs), ret);
	if (!s)
		return 0;
	struct file *tree = file_of(ret);
	if (tree) {
		struct super_block *sb = BPF_CORE_READ(tree, f_path.mnt, mnt_sb);
		s->record.text_len = append_path_of(s, tree, PATH_KEPT);
		s->record.text2_len = append_user_string(s, (void *)ARG2(regs), PATH_KEPT);
		file_system(s, sb);
		type_from_kernel(s, BPF_CORE_READ(sb, s_type));
	} else {
		s->record.text2_len = append_user_string(s, (void *)ARG2(regs), PATH_KEPT);
	}
	finish(s, KIND_MOUNT);
	return 0;
}

/* A file system that is mounted is taken up to be given other options. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_fspick, struct pt_regs *regs, long ret)
{
	u32 flags = ARG3(regs);
	struct scratch *s = begin_mount(MOUNT_OPERATION_FSPICK, flags, ret);
	if (!s)
		return 0;
	s->record.text_len = append_place(s, ARG1(regs), (void *)ARG2(regs),
					  flags & FSPICK_EMPTY_PATH,
					  flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : GIVEN_FOLLOW);
	struct file *file = ret < 0 ? 0 : file_of(ret);
	if (file) {
		struct fs_context *context = BPF_CORE_READ(file, private_data);
		struct super_block *sb = BPF_CORE_READ(context, root, d_sb);
		file_system(s, sb);
		type_from_kernel(s, BPF_CORE_READ(sb, s_type));
	}
	finish(s, KIND_MOUNT);
	return 0;
}

static __always_inline struct file_system_type *context_type(struct file *file)
{
	struct fs_context *context = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(context, fs_type);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fsopen, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin_mount(MOUNT_OPERATION_FSOPEN, ARG2(regs), ret);
	if (!s)
		return 0;
	struct file *context = file_of(ret);
	if (context)
		type_from_kernel(s, context_type(context));
	else
		type_from_user(s, (void *)ARG1(regs));
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fsconfig, struct pt_regs *regs, long ret)
{
	u32 command = ARG2(regs);
	struct scratch *s = begin_mount(MOUNT_OPERATION_FSCONFIG, command, ret);
	if (!s)
		return 0;
	if (command == FSCONFIG_SET_STRING || command == FSCONFIG_SET_PATH)
		s->record.text2_len = append_user_string(s, (void *)ARG4(regs), PATH_KEPT);
	struct file *context = ret < 0 ? 0 : file_of(ARG1(regs));
	if (context)
		type_from_kernel(s, context_type(context));
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fsmount, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin_mount(MOUNT_OPERATION_FSMOUNT, ARG3(regs), ret);
	if (!s)
		return 0;
	struct file *made = file_of(ret);
	if (made) {
		struct super_block *sb = BPF_CORE_READ(made, f_path.mnt, mnt_sb);
		file_system(s, sb);
		type_from_kernel(s, BPF_CORE_READ(sb, s_type));
	}
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_pivot_root, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin_mount(MOUNT_OPERATION_PIVOT_ROOT, 0, ret);
	if (!s)
		return 0;
	s->record.text_len = append_user_string(s, (void *)ARG2(regs), PATH_KEPT);
	s->record.text2_len = append_user_string(s, (void *)ARG1(regs), PATH_KEPT);
	/* Both meant what they meant before the roots were exchanged. */
	s->record.marks |= EVENT_MARK_AS_GIVEN;
	if (ret == 0) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct super_block *sb = BPF_CORE_READ(task, fs, root.mnt, mnt_sb);
		file_system(s, sb);
		type_from_kernel(s, BPF_CORE_READ(sb, s_type));
	}
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_chroot, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin_mount(MOUNT_OPERATION_CHROOT, 0, ret);
	if (!s)
		return 0;
	if (ret == 0) {
		/* The new root as the mount namespace sees it: the walk must not stop at it. */
		struct task_struct *task = bpf_get_current_task_btf();
		struct vfsmount *mnt = BPF_CORE_READ(task, fs, root.mnt);
		s->walk.dentry = (u64)BPF_CORE_READ(task, fs, root.dentry);
		s->walk.mount = (u64)mount_of(mnt);
		s->walk.top = (u64)BPF_CORE_READ(mnt, mnt_root);
		s->walk.root_dentry = 0;
		s->walk.root_mount = 0;
		climb(s);
		s->record.text_len = append_path(s, PATH_KEPT);
		s->record.c = BPF_CORE_READ(mnt, mnt_sb, s_dev);
		s->record.b |= (u32)BPF_CORE_READ(mnt, mnt_sb, s_magic);
	} else {
		s->record.text_len =
			append_place(s, AT_FDCWD, (void *)ARG1(regs), 0, GIVEN_FOLLOW);
	}
	finish(s, KIND_MOUNT);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mount_setattr, struct pt_regs *regs, long ret)
{
	u32 flags = ARG3(regs);
	struct scratch *s = begin_mount(MOUNT_OPERATION_SETATTR, flags, ret);
	if (!s)
		return 0;
	/* With a descriptor alone, that is the mount. */
	struct file *of = flags & AT_EMPTY_PATH && ret == 0 && !unless_empty(ARG2(regs))
				  ? file_of(ARG1(regs))
				  : 0;
	if (of)
		s->record.text_len = tell_mount(s, BPF_CORE_READ(of, f_path.mnt));
	else
		s->record.text_len =
			append_place(s, ARG1(regs), (void *)ARG2(regs), flags & AT_EMPTY_PATH,
				     flags & AT_SYMLINK_NOFOLLOW ? 0 : GIVEN_FOLLOW);
	finish(s, KIND_MOUNT);
	return 0;
}
