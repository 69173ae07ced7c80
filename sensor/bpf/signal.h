/* Signals that one process sends to another. */
#pragma once
#include "emit.h"

/* What a signal's information may be instead of a pointer: 1 is a signal of the kernel's own, 0 one
 * that it sends in the name of the current task (a parent's death, a broken pipe). */
#define SEND_SIG_PRIV 1

/* Where a signal comes from. What is above 0 comes from the kernel; of what is below, the kernel
 * uses these (and the last one between its threads), but so may anybody who calls sigqueue. */
#define SI_TIMER -2
#define SI_ASYNCIO -5
#define SI_DETHREAD -7
#define SI_ASYNCNL -60

/* Whether the current task is in a call that sends any code that it is given. Where the kernel
 * has no way to ask, it counts as being in one. */
static __always_inline int queues_signals(struct task_struct *task)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 1;
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_x86)
	u64 number = BPF_CORE_READ(regs, orig_ax);
	if (IS_COMPAT(task))
		return number == 178 || number == 335 || number == 424;
	number &= ~X32_BIT;
	return number == 129 || number == 297 || number == 424 || number == 524 || number == 536;
#else
	u32 number = BPF_CORE_READ(regs, syscallno);
	return number == 138 || number == 240 || number == 424 || number == 178 || number == 335;
#endif
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int number, struct kernel_siginfo *info, struct task_struct *receiver,
	     int group, int result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 pointer = (u64)info;
	opaque(pointer);
	if (!wanted(KIND_SIGNAL) || pointer <= SEND_SIG_PRIV || task->tgid == filter.self)
		return 0;
	if (receiver->tgid == task->tgid)
		return 0;
	s32 code = BPF_CORE_READ((struct kernel_siginfo *)pointer, si_code);
	if (code > 0)
		return 0;
	if (((code <= SI_TIMER && code >= SI_ASYNCIO) || code == SI_DETHREAD ||
	     code == SI_ASYNCNL) &&
	    !queues_signals(task))
		return 0;
	struct scratch *s = begin(KIND_SIGNAL);
	if (!s)
		return 0;
	s->record.a = (u32)number | (u64)result << 32;
	s->record.target = receiver->tgid;
	s->record.target_start = BPF_CORE_READ(receiver, group_leader, start_boottime);
	s->record.blocks = BLOCK_TARGET;
	finish(s, KIND_SIGNAL);
	return 0;
}
