/* The one program on the exit of every system call: dismiss what nobody wants, hand the rest to
 * the program of its call. At exit the arguments still stand in the registers. */
#pragma once
#include "credentials.h"
#include "file.h"

#define ENOSYS 38

/* Dismisses or hands on a call of the table for 32-bit programs. */
static __always_inline int dispatch_compat(void *ctx, struct pt_regs *regs, u64 number)
{
#if defined(__TARGET_ARCH_x86)
	if (number == COMPAT_SOCKETCALL) {
		u32 meant = regs->bx;
		if (meant < SOCKETCALLS)
			number = SYSCALLS + meant;
	}
#endif
	/* The verifier forgets bounds that it saw before a branch. */
	opaque(number);
	if (number >= COMPAT_SYSCALLS || !(filter.compat_syscalls[number >> 6] >> (number & 63) & 1))
		return 0;
	bpf_tail_call(ctx, &COMPAT_HANDLERS, number);
	return 0;
}

#if defined(__TARGET_ARCH_x86)
/* The call of the machine's own table that an x32 call stands for. Those that have a number of
 * their own differ in the form of some structure, and only in that. */
static __always_inline u64 behind_x32(u64 number)
{
	number &= ~X32_BIT;
	switch (number) {
	case 514:
		return 16; /* ioctl */
	case 517:
		return 45; /* recvfrom */
	case 518:
		return 46; /* sendmsg */
	case 519:
		return 47; /* recvmsg */
	case 521:
		return 101; /* ptrace */
	case 524:
		return 129; /* rt_sigqueueinfo */
	case 536:
		return 297; /* rt_tgsigqueueinfo */
	case 537:
		return 299; /* recvmmsg */
	case 538:
		return 307; /* sendmmsg */
	case 539:
		return 310; /* process_vm_readv */
	case 540:
		return 311; /* process_vm_writev */
	default:
		return number;
	}
}
#endif

SEC("tp_btf/sys_exit")
int BPF_PROG(dispatch, struct pt_regs *regs, long ret)
{
	u64 number = SYSCALL_NUMBER(regs), plain = number;
	/* Most calls end here, before a look at who makes them. */
	if (number < SYSCALLS && !(filter.watched[number >> 6] >> (number & 63) & 1))
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	if (IS_COMPAT(task)) {
		if (task->tgid == filter.self)
			return 0;
		return dispatch_compat(ctx, regs, number);
	}
	if (number >= SYSCALLS) {
#if defined(__TARGET_ARCH_x86)
		/* A kernel without x32 knows no such call. */
		if (!(number & X32_BIT) || ret == -ENOSYS)
			return 0;
		number = behind_x32(number);
		opaque(number);
		if (number >= SYSCALLS)
#endif
			return 0;
	}
	if (!(filter.syscalls[number >> 6] >> (number & 63) & 1))
		return 0;
	if (task->tgid == filter.self)
		return 0;
	if (is_open_call(number) && is_dull_open(task, ret))
		return 0;
	if (number == plain && is_unexplained(number))
		bpf_tail_call(ctx, &HANDLERS, UNEXPLAINED);
	bpf_tail_call(ctx, &HANDLERS, number);
	return 0;
}
