/* The one program on the exit of every system call: dismiss what nobody wants, hand the rest to
 * the program of its call. At exit the arguments still stand in the registers. */
#pragma once
#include "maps.h"
#include "types.h"

SEC("tp_btf/sys_exit")
int BPF_PROG(dispatch, struct pt_regs *regs, long ret)
{
	u64 number = SYSCALL_NUMBER(regs);
	struct task_struct *task = bpf_get_current_task_btf();
	if (number >= SYSCALLS)
		return 0;
	if (IS_COMPAT(task)) {
		/* A 32-bit call: what it did cannot be told, that something was missed can. */
		if (filter.compat_syscalls[number >> 6] >> (number & 63) & 1)
			lose(LOSS_CAUSE_UNREADABLE);
		return 0;
	}
	if (!(filter.syscalls[number >> 6] >> (number & 63) & 1))
		return 0;
	if (task->tgid == filter.self)
		return 0;
	bpf_tail_call(ctx, &HANDLERS, number);
	return 0;
}
