/* Pages of a file put into a pipe without a copy (splice, sendfile, vmsplice of a mapped file). What the pipe holds is then
 * the file itself: a fault of the kernel that lets the pipe be written lets the file be written. */
#pragma once
#include "origin.h"

static __always_inline int spliced(long ret, struct file *file, struct file *pipe)
{
	if (ret <= 0)
		return 0;
	/* What was sent to a socket is counted too: nobody knows it any more. */
	if (!file || !pipe)
		return unreadable(KIND_SPLICE);
	if (BPF_CORE_READ(file, f_mode) & FMODE_WRITE)
		return 0;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct inode *end = BPF_CORE_READ(pipe, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG ||
	    (BPF_CORE_READ(end, i_mode) & S_IFMT) != S_IFIFO)
		return 0;
	struct scratch *s = begin(KIND_SPLICE);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = file_marks(file);
	s->record.b = BPF_CORE_READ(inode, i_ino);
	s->record.c = BPF_CORE_READ(end, i_ino);
	s->record.text_len = append_path_of(s, file, PATH_KEPT);
	finish(s, KIND_SPLICE);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_splice, struct pt_regs *regs, long ret)
{
	return spliced(ret, file_of(ARG1(regs)), file_of(ARG3(regs)));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sendfile, struct pt_regs *regs, long ret)
{
	return spliced(ret, file_of(ARG2(regs)), file_of(ARG1(regs)));
}

/* Pieces of memory of one call that are looked at, the first page of each: a file that hides behind
 * as many others is missed. */
#define PIECES_MOST 8

static long mapped_file(struct task_struct *task, struct vm_area_struct *area, void *file)
{
	*(struct file **)file = BPF_CORE_READ(area, vm_file);
	return 0;
}

/* Memory that a file is mapped to is the file's pages until it was written to. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_vmsplice, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *pipe = file_of(ARG1(regs));
	const void *pieces = (const void *)ARG2(regs);
	u64 count = ARG3(regs);
	if (ret > 0 && !pipe)
		return unreadable(KIND_SPLICE);
	if (ret <= 0 || is_compat() || !(BPF_CORE_READ(pipe, f_mode) & FMODE_WRITE) ||
	    !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_find_vma))
		return 0;
	for (u32 i = 0; i < PIECES_MOST && i < count; i++) {
		u64 at = 0;
		struct file *file = 0;
		if (bpf_probe_read_user(&at, sizeof(at), pieces + i * 16))
			break;
		if (!bpf_find_vma(task, at, mapped_file, &file, 0) && file)
			spliced(ret, file, pipe);
	}
	return 0;
}
