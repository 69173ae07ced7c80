/* Memory that becomes executable, files that are mapped so, and who takes page faults upon
 * himself. */
#pragma once
#include "origin.h"

#define PROT_READ 1
#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#define SHM_EXEC 0100000
/* Personality in which all that can be read can be executed. */
#define READ_IMPLIES_EXEC 0x400000

/* The first three are those of PROT_… */
#define VM_PROTECTION 7
#define VM_WRITE 2
#define VM_EXEC 4
#define VM_GROWSDOWN 0x100

/* Parts of one mprotect that are looked at: what one call over thousands of mappings could cost. Of
 * one with more it is told that there are some of which nothing is known. */
#define PARTS_MOST 16

/* The ioctl of /dev/userfaultfd. */
#define USERFAULTFD_IOC_NEW 0xaa00
#define MISC_MAJOR 10

/* What is known of some memory. */
struct region {
	u64 address;
	u64 stack; /* the caller's stack pointer */
	u64 end;   /* of what was looked at */
	struct file *file;
	u32 flags;
	u32 marks;
	u32 mapped;
	u32 changed; /* some part is anonymous, writable or written, or may be */
};

/* Whether the file is memory that only looks like one: shared between relatives, or by System V's
 * calls. A memfd is a file that somebody asked for. */
static __always_inline int is_only_memory(struct file *file)
{
	char name[6] = {};
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != TMPFS_MAGIC ||
	    !is_internal(BPF_CORE_READ(file, f_path.mnt)))
		return 0;
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	return !(name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
		 name[4] == 'd' && name[5] == ':');
}

/* Looks at the part of the region that begins where it was left. */
static long look(struct task_struct *task, struct vm_area_struct *vma, void *context)
{
	struct region *region = *(struct region **)context;
	u64 start = BPF_CORE_READ(vma, vm_start), end = BPF_CORE_READ(vma, vm_end);
	u32 flags = BPF_CORE_READ(vma, vm_flags), marks = 0;
	struct file *file = BPF_CORE_READ(vma, vm_file);
	struct mm_struct *mm = BPF_CORE_READ(vma, vm_mm);
	u64 stack = BPF_CORE_READ(mm, start_stack);
	/* Private memory gets this with its first page that is its own. */
	int written = BPF_CORE_READ(vma, anon_vma) != 0;
	region->end = end;
	if (!(flags & VM_EXEC))
		return 0;
	if (!file || is_only_memory(file))
		marks |= MEMORY_MARK_ANONYMOUS;
	else if (!region->file)
		region->file = file;
	if (flags & VM_WRITE)
		marks |= MEMORY_MARK_WRITABLE;
	if (!region->mapped && written)
		marks |= MEMORY_MARK_WRITTEN;
	if (marks)
		region->changed = 1;
	if (flags & VM_GROWSDOWN || (start <= stack && stack < end) ||
	    (start <= region->stack && region->stack < end))
		marks |= MEMORY_MARK_STACK;
	if (!file && start <= BPF_CORE_READ(mm, brk) && end >= BPF_CORE_READ(mm, start_brk))
		marks |= MEMORY_MARK_HEAP;
	region->flags |= flags;
	region->marks |= marks;
	return 0;
}

/* Looks at the next part; returns 0 if it could. Not static, so that the kernel verifies it once and
 * not for each part. */
__noinline int look_on(struct region *region)
{
	if (!region)
		return 1;
	return bpf_find_vma(bpf_get_current_task_btf(), region->end, look, &region, 0) != 0;
}

static __noinline int tell_memory(struct region *region, u64 length, u32 protection, u32 unread)
{
	struct scratch *s = begin(KIND_EXECUTABLE_MEMORY);
	if (!s)
		return 0;
	if (unread)
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	s->record.a = protection | (u64)region->marks << 32;
	s->record.b = region->address;
	s->record.c = length;
	if (region->file)
		s->record.text_len = append_path_of(s, region->file, PATH_KEPT);
	finish(s, KIND_EXECUTABLE_MEMORY);
	return 0;
}

static __noinline int tell_library(struct file *file, u32 protection)
{
	struct scratch *s = begin(KIND_LIBRARY);
	if (!s)
		return 0;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	s->record.a = file_marks(file) | (u64)protection << 32;
	s->record.b = BPF_CORE_READ(inode, i_ino);
	s->record.c = BPF_CORE_READ(inode, i_sb, s_dev);
	s->record.text_len = append_path_of(s, file, PATH_KEPT);
	finish(s, KIND_LIBRARY);
	return 0;
}

/* Whether memory with this protection can be executed. */
static __always_inline int executes(u32 protection)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return protection & PROT_EXEC ||
	       (protection & PROT_READ && task->personality & READ_IMPLIES_EXEC);
}

/* Tells of the memory from `region->address` on, after a call that made it executable. `file` and
 * `marks` are what the caller said of it. */
static __always_inline void made_executable(struct region *region, u64 length, u32 protection,
					    struct file *file, u32 marks)
{
	u64 end = region->address + length;
	u32 unread = 1;
	region->end = region->address;
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_find_vma)) {
		for (u32 i = 0; i < PARTS_MOST; i++) {
			if (look_on(region))
				break;
			unread = 0;
			if (region->end >= end)
				break;
		}
	}
	/* Another thread held the lock, or the kernel has no such helper (before 5.17): all that is
	 * known is what the caller asked for. */
	if (unread) {
		if (protection & VM_WRITE)
			marks |= MEMORY_MARK_WRITABLE;
		region->file = file;
		region->changed = marks || !region->mapped;
		region->marks |= marks;
	} else {
		protection = region->flags & VM_PROTECTION;
		/* What was not looked at may be anything. */
		if (region->end < end)
			unread = region->changed = 1;
	}
	if (region->changed && wanted(KIND_EXECUTABLE_MEMORY))
		tell_memory(region, length, protection, unread);
	if (region->file && wanted(KIND_LIBRARY))
		tell_library(region->file, protection);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mmap, struct pt_regs *regs, long ret)
{
	u32 protection = ARG3(regs), flags = ARG4(regs);
	if ((ret < 0 && ret > -4096) || !executes(protection))
		return 0;
	struct region region = { .address = ret, .mapped = 1, .marks = MEMORY_MARK_MAPPED };
	u32 anonymous = flags & MAP_ANONYMOUS;
	made_executable(&region, ARG2(regs), protection, anonymous ? 0 : file_of(ARG5(regs)),
			anonymous ? MEMORY_MARK_ANONYMOUS : 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_mprotect, struct pt_regs *regs, long ret)
{
	u32 protection = ARG3(regs);
	if (ret || !executes(protection))
		return 0;
	struct region region = { .address = ARG1(regs), .stack = regs->sp };
	made_executable(&region, ARG2(regs), protection, 0, 0);
	return 0;
}

static __always_inline int attached(u64 address, u32 flags)
{
	if (!(flags & SHM_EXEC || executes(PROT_READ)))
		return 0;
	struct region region = { .address = address, .mapped = 1, .marks = MEMORY_MARK_MAPPED };
	made_executable(&region, 1, PROT_READ | PROT_EXEC, 0, MEMORY_MARK_ANONYMOUS);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_shmat, struct pt_regs *regs, long ret)
{
	return ret < 0 && ret > -4096 ? 0 : attached(ret, ARG3(regs));
}

/* One 32-bit call for all of System V's, which puts the address into the caller's memory. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_ipc, struct pt_regs *regs, long ret)
{
	u32 address = 0;
	if (ret || (ARG1(regs) & 0xffff) != IPC_SHMAT ||
	    bpf_probe_read_user(&address, sizeof(address), (void *)ARG4(regs)))
		return 0;
	return attached(address, ARG3(regs));
}

/* By the call, or by an ioctl of the device that stands for it. */
static __always_inline int takes_faults(u32 flags, long ret)
{
	struct scratch *s = begin(KIND_USERFAULTFD);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = flags;
	finish(s, KIND_USERFAULTFD);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_userfaultfd, struct pt_regs *regs, long ret)
{
	return takes_faults(ARG1(regs), ret);
}

static __always_inline int by_device(s32 fd, u32 flags, long ret)
{
	struct file *file = file_of(fd);
	if (!file)
		return ret < 0 ? 0 : unreadable(KIND_USERFAULTFD);
	if (!wanted(KIND_USERFAULTFD) ||
	    (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFCHR ||
	    BPF_CORE_READ(file, f_inode, i_rdev) >> 20 != MISC_MAJOR)
		return 0;
	return takes_faults(flags, ret);
}
