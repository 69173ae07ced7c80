/* Descriptors that become standard input, output or error, and what relays are made of. */
#pragma once
#include "stream.h"

#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030

static __always_inline int replaced(long fd)
{
	if (fd < 0 || fd > 2)
		return 0;
	struct scratch *s = begin(KIND_DUP);
	if (!s)
		return 0;
	s->record.blocks = BLOCK_STREAM;
	s->record.ret = fd;
	struct stream *stream = reserve(s, sizeof(struct stream));
	describe(s, (u64)file_of(fd), stream, fd);
	finish(s, KIND_DUP);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_dup, struct pt_regs *regs, long ret)
{
	return replaced(ret);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_fcntl, struct pt_regs *regs, long ret)
{
	u32 command = ARG2(regs);
	if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)
		return 0;
	return replaced(ret);
}

static __always_inline u64 inode_of_fd(s32 fd)
{
	struct file *file = file_of(fd);
	return file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
}

static __noinline int pipe_made(struct file *end, u32 read, u32 write)
{
	struct scratch *s = begin(KIND_PIPE);
	if (!s)
		return 0;
	if (end)
		s->record.a = BPF_CORE_READ(end, f_inode, i_ino);
	else
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	s->record.b = read | (u64)write << 32;
	finish(s, KIND_PIPE);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_pipe, struct pt_regs *regs, long ret)
{
	u32 fds[2] = {};
	if (ret)
		return 0;
	if (bpf_probe_read_user(fds, sizeof(fds), (void *)ARG1(regs)))
		return unreadable(KIND_PIPE);
	return pipe_made(file_of(fds[0]), fds[0], fds[1]);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_socketpair, struct pt_regs *regs, long ret)
{
	u32 fds[2] = {};
	if (ret)
		return 0;
	if (bpf_probe_read_user(fds, sizeof(fds), (void *)ARG4(regs)))
		return unreadable(KIND_SOCKETPAIR);
	struct scratch *s = begin(KIND_SOCKETPAIR);
	if (!s)
		return 0;
	s->record.a = inode_of_fd(fds[0]);
	s->record.b = inode_of_fd(fds[1]);
	finish(s, KIND_SOCKETPAIR);
	return 0;
}
