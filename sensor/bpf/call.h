/* A system call as its handler sees it, whichever table it was made through: the machine's own,
 * the one for 32-bit programs (which any program reaches by `int 0x80`), or x32. */
#pragma once
#include "maps.h"

#define ARG1(regs) argument(regs, 1)
#define ARG2(regs) argument(regs, 2)
#define ARG3(regs) argument(regs, 3)
#define ARG4(regs) argument(regs, 4)
#define ARG5(regs) argument(regs, 5)
#define ARG6(regs) argument(regs, 6)

/* Set in the number of an x32 call. */
#define X32_BIT 0x40000000ull

/* Calls of the i386 table that differ from those that they are told as. */
#define COMPAT_UMOUNT 22
#define COMPAT_TRUNCATE64 193
#define COMPAT_FTRUNCATE64 194
/* What the i386 table's `ipc` does. */
#define IPC_SHMAT 21

/* Calls of the i386 table whose arguments lie in an array in the caller's memory. */
#define COMPAT_MMAP 90
#define COMPAT_SOCKETCALL 102
#define SOCKETCALL_SEND 9
#define SOCKETCALL_RECV 10

/* Whether the task is in a 32-bit call, so that pointers and longs are of 4 bytes in what it
 * points to. */
static __always_inline int is_compat(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return !!IS_COMPAT(task);
}

/* The number in the table for 32-bit programs that a call was made by, 0 for any other call. */
static __always_inline u32 compat_number(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return is_compat() ? regs->orig_ax : 0;
#else
	return 0;
#endif
}

static __always_inline u64 compat_argument(struct pt_regs *regs, u32 n)
{
#if defined(__TARGET_ARCH_x86)
	u32 number = regs->orig_ax;
	u64 array = 0;
	if (number == COMPAT_MMAP)
		array = (u32)regs->bx;
	if (number == COMPAT_SOCKETCALL) {
		/* These two have no address, unlike the calls that they are told as. */
		if (n > 4 && (regs->bx == SOCKETCALL_SEND || regs->bx == SOCKETCALL_RECV))
			return 0;
		array = (u32)regs->cx;
	}
	if (array) {
		u32 value = 0;
		bpf_probe_read_user(&value, sizeof(value), (void *)(array + (n - 1) * 4));
		return value;
	}
	switch (n) {
	case 1:
		return (u32)regs->bx;
	case 2:
		return (u32)regs->cx;
	case 3:
		return (u32)regs->dx;
	case 4:
		return (u32)regs->si;
	case 5:
		return (u32)regs->di;
	default:
		return (u32)regs->bp;
	}
#else
	return n == 1 ? (u32)regs->orig_x0 : (u32)regs->regs[n - 1];
#endif
}

/* The n-th argument, from 1 on; `n` is a constant. */
static __always_inline u64 argument(struct pt_regs *regs, u32 n)
{
	if (is_compat())
		return compat_argument(regs, n);
#if defined(__TARGET_ARCH_x86)
	switch (n) {
	case 1:
		return regs->di;
	case 2:
		return regs->si;
	case 3:
		return regs->dx;
	case 4:
		return regs->r10;
	case 5:
		return regs->r8;
	default:
		return regs->r9;
	}
#else
	return n == 1 ? regs->orig_x0 : regs->regs[n - 1];
#endif
}
