/* Pages of a file put into a pipe without a copy (splice, sendfile). What the pipe holds is then
 * the file itself: a fault of the kernel that lets the pipe be written lets the file be written. */
#pragma once
#include "origin.h"

static __always_inline int spliced(long ret, struct file *file, struct file *pipe)
{
	if (ret <= 0 || !file || !pipe)
		return 0;
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
