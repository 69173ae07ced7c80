/* Opened files, told when the call has succeeded, from the kernel's own copy; and
 * pseudo-terminals, which are made by an open. */
#pragma once
#include "cast.h"
#include "given.h"
#include "stream.h"

#define PTMX (5u << 20 | 2)
#define O_WRONLY 01
#define O_CREAT 0100
#define O_TRUNC 01000
/* The same number in every table. */
#define OPENAT2 437

/* What decides about an open. */
struct opened {
	struct inode *inode;
	struct vfsmount *mnt;
	struct dentry *dentry;
	struct entry entry;
	struct super_block *sb;
	struct dentry *top; /* root of the mount */
	u32 type;
	u32 writes;
	u32 place; /* of the process, as in `filter.opens` */
};

/* Whether an access that the filter names covers this open. */
#define covers(access, o) ((access) == ACCESS_ANY || ((access) == ACCESS_WRITE && (o)->writes))

/* Marks that the type of the file alone decides. */
static __always_inline u32 type_marks(u32 type)
{
	return type == S_IFBLK   ? OPEN_MARK_BLOCK_DEVICE
	       : type == S_IFCHR ? OPEN_MARK_CHARACTER_DEVICE
	       : type == S_IFIFO ? OPEN_MARK_FIFO
				 : 0;
}
#define TYPE_MARKS (OPEN_MARK_BLOCK_DEVICE | OPEN_MARK_CHARACTER_DEVICE | OPEN_MARK_FIFO)

/* The search for the root of a mount. */
struct search {
	struct dentry *dentry;
	struct dentry *top;
	u64 outside;
};

static long search_step(u32 turn, void *context)
{
	struct search *search = context;
	struct dentry *dentry = search->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	search->dentry = parent;
	search->outside = parent == dentry;
	return parent == dentry || parent == search->top;
}

/* Whether the file is not below the root of the mount that it was reached through. */
static __always_inline int is_outside(const struct opened *o)
{
	struct search search = { .dentry = o->dentry, .top = o->top };
	struct super_block *sb = o->sb;
	if (o->dentry == o->top)
		return 0;
	/* Where a whole file system is mounted, only what hangs nowhere is outside. */
	if (o->top == BPF_CORE_READ(sb, s_root))
		return o->entry.parent == o->dentry && !is_internal(o->mnt);
	repeat(WALK_STEPS, search_step, &search);
	return search.outside && !is_internal(o->mnt);
}

static __always_inline struct pid *owner_of(const struct opened *o)
{
	void *inode = o->inode;
	struct super_block *sb = o->sb;
	if (BPF_CORE_READ(sb, s_magic) != PROC_MAGIC)
		return 0;
	struct proc_inode *entry = inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	return BPF_CORE_READ(entry, pid);
}

static __always_inline int is_process_memory(const struct opened *o)
{
	char name[4] = {};
	if (o->entry.name.len != 3)
		return 0;
	bpf_probe_read_kernel(name, 3, o->entry.name.name);
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && owner_of(o);
}

/* The marks among `which` that the open deserves. Not static, so that the kernel verifies it by
 * itself and not once for every way that leads here. */
__noinline int open_marks(const struct opened *o, u32 which)
{
	if (!o)
		return 0;
	struct inode *inode = o->inode;
	u32 marks = type_marks(o->type);
	if (which & OPEN_MARK_FOREIGN_MOUNT && is_foreign(o->mnt))
		marks |= OPEN_MARK_FOREIGN_MOUNT;
	if (which & OPEN_MARK_OUTSIDE_MOUNT && is_outside(o))
		marks |= OPEN_MARK_OUTSIDE_MOUNT;
	if (which & OPEN_MARK_PROCESS_MEMORY && is_process_memory(o))
		marks |= OPEN_MARK_PROCESS_MEMORY;
	if (which & OPEN_MARK_RUNNING_IMAGE && BPF_CORE_READ(inode, i_writecount.counter) < 0)
		marks |= OPEN_MARK_RUNNING_IMAGE;
	return marks & which;
}

/* The accesses for which files of this name are watched, 0 for none. A longer name is looked up by
 * its head. */
__noinline int watched_name(u64 text, u32 len)
{
	struct name name = {};
	if (len > NAME_KEPT - 1)
		len = NAME_KEPT - 1;
	if (!(filter.name_lengths >> len & 1))
		return 0;
	opaque(len);
	len &= NAME_KEPT - 1;
	bpf_probe_read_kernel(name.bytes, len, (void *)text);
	u32 *access = bpf_map_lookup_elem(&NAMES, &name);
	return access ? *access : 0;
}

/* Looks the resolved path up; a path that could not be resolved to its root counts as watched. */
static __always_inline int is_watched_path(struct scratch *s, const struct opened *o)
{
	u32 start = s->walk.start;
	opaque(start);
	if (s->walk.flags & WALK_TRUNCATED || start >= PATH_KEPT)
		return 1;
	u32 len = PATH_KEPT - start;
	if (len > PREFIX_KEPT)
		len = PREFIX_KEPT;
	bpf_probe_read_kernel(s->prefix.bytes, len, s->walk.text + start);
	s->prefix.bits = len * 8;
	u32 *access = bpf_map_lookup_elem(&PREFIXES, &s->prefix);
	return access && covers(access_in(*access, o->place), o);
}

/* Not static, like what follows, so that the kernel verifies each by itself. What leads here takes
 * many ways, and would otherwise be followed on each of them. Pointers of the kernel's are numbers
 * to such functions. */
__noinline int terminal_made(u64 file)
{
	struct stream stream = {};
	if (!describe_terminal((struct file *)file, &stream) ||
	    stream.kind != STREAM_KIND_TERMINAL_MASTER)
		return 0;
	struct scratch *s = begin(KIND_TERMINAL);
	if (!s)
		return 0;
	s->record.a = stream.port;
	s->record.b = stream.id;
	finish(s, KIND_TERMINAL);
	return 0;
}

/* Why an open may be wanted. */
enum reason {
	REASON_SECURITY = 1, /* its name or a mark, which puts it into the security lane */
	REASON_PATH = 2,     /* perhaps its path, which is still to be looked up */
	REASON_ANY = 4,      /* every open is */
};

__noinline int tell_opened(const struct opened *o, u64 address, s32 ret, u32 marks, u32 reasons)
{
	if (!o)
		return 0;
	struct file *file = (void *)address;
	struct inode *inode = o->inode;
	struct scratch *s = claim_for(KIND_OPEN);
	if (!s)
		return 0;
	resolve(s, o->mnt, o->dentry);
	if (reasons == REASON_PATH || reasons == (REASON_PATH | REASON_ANY)) {
		if (is_watched_path(s, o))
			reasons |= REASON_SECURITY;
		if (reasons == REASON_PATH) {
			release(s);
			return 0;
		}
	}
	stamp(s, KIND_OPEN);
	stamp_current(s);
	marks |= open_marks(o, ~0u);
	u32 device = o->type == S_IFCHR || o->type == S_IFBLK ? BPF_CORE_READ(inode, i_rdev)
							      : BPF_CORE_READ(inode, i_sb, s_dev);
	s->record.ret = ret;
	s->record.a = BPF_CORE_READ(file, f_flags) | (u64)marks << 32;
	s->record.b = BPF_CORE_READ(inode, i_ino);
	s->record.c = device | BPF_CORE_READ(inode, i_sb, s_magic) << 32;
	target(s, task_of(owner_of(o), 0));
	s->record.text_len = append_path(s, PATH_KEPT);
	if (passes(s, KIND_OPEN)) {
		single_out(s, KIND_OPEN, reasons & REASON_SECURITY);
		send(s, reasons & REASON_SECURITY);
	}
	release(s);
	return 0;
}

/* The calls that open a file by its name. */
static __always_inline int is_open_call(u64 number)
{
#if defined(__TARGET_ARCH_x86)
	return number == 257 || number == 2 || number == 437 || number == 85;
#else
	return number == 56 || number == 437;
#endif
}

/* A field of what a pointer leads to that was cast, or that is to be read. */
#define follow(from, field) (typed ? (from)->field : BPF_CORE_READ(from, field))

/* Whether nothing that anybody wants can be true of what a call did that opened a file: nearly every
 * one ends here, in the dispatcher. `typed` is a constant. */
static __always_inline int is_dull(struct task_struct *task, long ret, int typed)
{
	struct files_struct *files = task->files;
	struct file *file = 0;
	u32 place, reach, mode, which;
	if (!files)
		return 0;
	struct fdtable *table = files->fdt;
	if (!table || (u64)ret >= table->max_fds)
		return 0;
	u64 slot = (u64)((struct file **)table->fd + ret);
	if (typed)
		file = file_at(slot);
	else
		bpf_probe_read_kernel(&file, sizeof(file), (void *)slot);
	if (!file)
		return 0;
	place = filter.by_place ? may_be_inside_now(task) : 1;
	volatile struct opens *want = &filter.opens[place & 1];
	mode = follow(file, f_mode);
	reach = mode & FMODE_WRITE ? ACCESS_ANY | ACCESS_WRITE : ACCESS_ANY;
	which = want->marks;
	if (which & ~TYPE_MARKS || (want->all | want->prefixes) & reach)
		return 0;
	/* Set for what is opened as a regular file or as a directory, and for nothing else. */
	if (!(mode & FMODE_ATOMIC_POS)) {
		struct inode *inode = follow(file, f_inode);
		if (!inode)
			return 0;
		u32 type = follow(inode, i_mode) & S_IFMT;
		if (type_marks(type) & which)
			return 0;
		if (type == S_IFCHR && wanted(KIND_TERMINAL) && follow(inode, i_rdev) == PTMX)
			return 0;
	}
	if (!(want->names & reach))
		return 1;
	struct dentry *dentry = follow(file, f_path.dentry);
	if (!dentry)
		return 0;
	u32 len = follow(dentry, d_name.len);
	if (len > NAME_KEPT - 1)
		len = NAME_KEPT - 1;
	return !(filter.name_lengths >> len & 1);
}

static __always_inline int is_dull_open(struct task_struct *task, long ret)
{
	if (ret < 0)
		return 1;
	return can_cast() ? is_dull(task, ret, 1) : is_dull(task, ret, 0);
}

__noinline int opened(u64 address, s32 ret, u32 marks)
{
	struct file *file = (void *)address;
	if (ret < 0 || !file)
		return 0;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type == S_IFCHR && wanted(KIND_TERMINAL) && BPF_CORE_READ(inode, i_rdev) == PTMX)
		terminal_made(address);
	if (!wanted(KIND_OPEN))
		return 0;
	u32 mode = BPF_CORE_READ(file, f_mode);
	if (mode & FMODE_CREATED)
		marks |= OPEN_MARK_CREATED;
	struct opened o = {
		.inode = inode,
		.type = type,
		.writes = mode & FMODE_WRITE,
		.place = filter.by_place ? may_be_inside_now(bpf_get_current_task_btf()) : 1,
	};
	volatile struct opens *want = &filter.opens[o.place & 1];
	u32 which = want->marks;
	int security = !!((marks | type_marks(type)) & which);
	int by_name = covers(want->names, &o), by_path = covers(want->prefixes, &o);
	int any = covers(want->all, &o);
	/* Nearly every open ends here: nothing that matters can be true of it. */
	if (!security && !(which & ~TYPE_MARKS) && !by_name && !by_path && !any)
		return 0;

	struct path path;
	struct vfsmount mount;
	bpf_core_read(&path, sizeof(path), &file->f_path);
	/* Its three fields have always been its first. */
	bpf_core_read(&mount, sizeof(mount), path.mnt);
	o.mnt = path.mnt;
	o.dentry = path.dentry;
	o.sb = mount.mnt_sb;
	o.top = mount.mnt_root;
	read_entry(&o.entry, o.dentry);
	if (!security && which & ~TYPE_MARKS)
		security = !!open_marks(&o, which & ~TYPE_MARKS);
	if (!security && by_name)
		security = covers(
			access_in(watched_name((u64)o.entry.name.name, o.entry.name.len), o.place),
			&o);
	u32 reasons = (security ? REASON_SECURITY : 0) | (by_path ? REASON_PATH : 0) |
		      (any ? REASON_ANY : 0);
	return reasons ? tell_opened(&o, address, ret, marks, reasons) : 0;
}

/* What another thread has closed before the call's end is told as it was asked for. A function of
 * its own, for the stack's sake. */
static __noinline int open_closed(struct pt_regs *regs, s32 ret)
{
	u64 number = SYSCALL_NUMBER(regs), flags = ARG3(regs), path = ARG2(regs);
	s32 directory = ARG1(regs);
	int bare = 0, makes = 0;
	if (!wanted(KIND_OPEN))
		return 0;
#if defined(__TARGET_ARCH_x86)
	int compat = is_compat();
	number &= ~X32_BIT;
	bare = number == (compat ? 5 : 2);
	makes = number == (compat ? 8 : 85);
#endif
	if (bare || makes) {
		path = ARG1(regs);
		flags = makes ? O_CREAT | O_WRONLY | O_TRUNC : ARG2(regs);
		directory = AT_FDCWD;
	} else if (number == OPENAT2) {
		/* struct open_how begins with them. */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)flags);
	}
	return tell_open_as_given(directory, (void *)path, flags, ret, 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_open, struct pt_regs *regs, long ret)
{
	struct file *file = file_of(ret);
	if (ret >= 0 && !file)
		return open_closed(regs, ret);
	return opened((u64)file, ret, 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_open_by_handle, struct pt_regs *regs, long ret)
{
	struct file *file = file_of(ret);
	if (ret >= 0 && !file)
		return unreadable(KIND_OPEN);
	return opened((u64)file, ret, OPEN_MARK_BY_HANDLE);
}
