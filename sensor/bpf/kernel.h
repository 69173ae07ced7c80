/* Other processes' memory, and anonymous files. */
#pragma once
#include "process.h"

#define PTRACE_TRACEME 0
#define PTRACE_POKETEXT 4
#define PTRACE_POKEDATA 5
#define PTRACE_POKEUSER 6
#define PTRACE_SETREGS 13
#define PTRACE_SETFPREGS 15
#define PTRACE_ATTACH 16
#define PTRACE_SETREGSET 0x4205
#define PTRACE_SEIZE 0x4206

/* Levels of the table of pids: 64 to the 6th are more pids than there can be. */
#define TABLE_LEVELS 6
#define TABLE_NODE 2 /* tag of a pointer to an inner node */

/* The task that has a number in a pid namespace, looked up as the kernel does. */
static __always_inline struct task_struct *task_in(struct pid_namespace *ns, u32 number)
{
	u64 entry = (u64)BPF_CORE_READ(ns, idr.idr_rt.xa_head);
	for (int i = 0; i < TABLE_LEVELS; i++) {
		if ((entry & 3) != TABLE_NODE)
			break;
		struct xa_node *node = (void *)(entry - TABLE_NODE);
		u32 slot = number >> (BPF_CORE_READ(node, shift) & 31) & 63;
		bpf_probe_read_kernel(&entry, sizeof(entry), (void *)&node->slots + slot * 8);
	}
	if (!entry || entry & 3)
		return 0;
	return task_of((struct pid *)entry, 0);
}

/* The task that the caller means by a number: in its own pid namespace. */
static __always_inline struct task_struct *task_by_number(u32 number)
{
	return task_in(active_pid_namespace((void *)bpf_get_current_task_btf()), number);
}

/* Requests that only look or step are left out: a debugger makes thousands a second. */
static __always_inline int changes_tracee(u32 request)
{
	return request == PTRACE_TRACEME || request == PTRACE_POKETEXT ||
	       request == PTRACE_POKEDATA || request == PTRACE_POKEUSER ||
	       request == PTRACE_SETREGS || request == PTRACE_SETFPREGS ||
	       request == PTRACE_ATTACH || request == PTRACE_SETREGSET || request == PTRACE_SEIZE;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_ptrace, struct pt_regs *regs, long ret)
{
	u32 request = ARG1(regs);
	if (!changes_tracee(request))
		return 0;
	struct scratch *s = begin(KIND_PTRACE);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = request;
	s->record.b = ARG3(regs);
	if (request == PTRACE_TRACEME)
		target(s, (void *)bpf_get_current_task_btf());
	else
		target(s, task_by_number(ARG2(regs)));
	finish(s, KIND_PTRACE);
	return 0;
}

static __always_inline int touched(u32 number, long ret, u32 access)
{
	struct scratch *s = begin(KIND_PROCESS_MEMORY);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = access;
	target(s, task_by_number(number));
	finish(s, KIND_PROCESS_MEMORY);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_process_vm_readv, struct pt_regs *regs, long ret)
{
	return touched(ARG1(regs), ret, MEMORY_ACCESS_READ);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_process_vm_writev, struct pt_regs *regs, long ret)
{
	return touched(ARG1(regs), ret, MEMORY_ACCESS_WRITE);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_memfd_create, struct pt_regs *regs, long ret)
{
	struct file *file = file_of(ret);
	if (!file)
		return ret < 0 ? 0 : unreadable(KIND_MEMFD);
	struct scratch *s = begin(KIND_MEMFD);
	if (!s)
		return 0;
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct qstr name;
	bpf_core_read(&name, sizeof(name), &dentry->d_name);
	s->record.ret = ret;
	s->record.a = (u32)ARG2(regs);
	s->record.b = BPF_CORE_READ(file, f_inode, i_ino);
	/* The kernel puts "memfd:" before the name that was given. */
	s->record.text_len = append_kernel_string(s, name.name + 6, NAME_LONGEST);
	finish(s, KIND_MEMFD);
	return 0;
}
