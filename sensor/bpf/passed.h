/* Descriptors that come from elsewhere: over a unix socket, or out of another process. */
#pragma once
#include "stream.h"
#include "message.h"

#define SOL_SOCKET 1
#define SCM_RIGHTS 1
/* Messages, control messages and descriptors of one call that are looked at: as many as the kernel
 * takes in one message (SCM_MAX_FD), with room for many such messages. */
#define TURNS_MOST 16384
/* The file system that descriptors of processes are on, where it is one of its own. */
#define PIDFS_MAGIC 0x50494446

/* Where a call's messages are being read. The numbers of descriptors stand in the receiver's
 * memory, the kernel keeps no copy; what is behind them is read from the kernel. */
struct receiving {
	struct task_struct *sender;
	u64 message; /* the next one; 0 where there is none, but a descriptor that is taken */
	struct {
		u64 messages; /* how many are left */
		u64 control;  /* the next control message */
		u64 control_end;
		u64 descriptor; /* the next number of a descriptor */
		u64 descriptor_end;
	} left;
};

/* An attribute of its record; the other one of the catalogue is read from its stream. */
#define PASSED_HOW 2

/* One more descriptor of this process: told by what is behind it. */
static __noinline int passed(struct receiving *receiving, s32 fd)
{
	struct file *file = file_of(fd);
	if (!file)
		return unreadable(KIND_PASSED);
	struct scratch *s = begin(KIND_PASSED);
	if (!s)
		return 0;
	s->record.ret = fd;
	target(s, receiving->sender);
	s->record.blocks |= BLOCK_ATTR | BLOCK_STREAM;
	set_attr(reserve(s, sizeof(struct attr)), PASSED_HOW,
		 receiving->message ? PASSED_HOW_MESSAGE : PASSED_HOW_FETCH);
	struct stream *stream = reserve(s, sizeof(struct stream));
	describe(s, (u64)file, stream, fd);
	/* As user space repeats them, for the filter. */
	s->record.a = (u32)fd | (u64)stream->kind << 32;
	s->record.b = stream->id;
	s->record.c = stream->marks | (u64)stream->port << 32;
	finish(s, KIND_PASSED);
	return 0;
}

/* Begins with the next message, as the kernel has left it: its control part is as long as what was
 * put there. */
static __always_inline int next_message(struct receiving *receiving)
{
	struct message message = {};
	if (!receiving->left.messages)
		return 1;
	receiving->left.messages--;
	if (read_message(&message, (void *)receiving->message))
		return 1;
	receiving->message += message_stride();
	receiving->left.control = (u64)message.control;
	receiving->left.control_end = receiving->left.control ? receiving->left.control + message.control_len : 0;
	return 0;
}

/* Begins with the next control message. A 32-bit caller's has a shorter length, and is aligned to
 * 4 bytes. */
static __always_inline void next_control(struct receiving *receiving)
{
	struct control head = {};
	u64 at = receiving->left.control, left = receiving->left.control_end - at;
	u32 width = is_compat() ? 4 : 8, size = width + 8;
	receiving->left.control = receiving->left.control_end;
	if (left < size || bpf_probe_read_user(&head.level, 8, (void *)(at + width)) ||
	    bpf_probe_read_user(&head.len, width, (void *)at) || head.len < size ||
	    head.len > left)
		return;
	if (head.level == SOL_SOCKET && head.type == SCM_RIGHTS) {
		receiving->left.descriptor = at + size;
		receiving->left.descriptor_end = at + head.len;
	}
	receiving->left.control = at + ((head.len + width - 1) & ~(u64)(width - 1));
}

static long receive_step(u32 turn, void *context)
{
	struct receiving *receiving = context;
	s32 fd = -1;
	if (receiving->left.descriptor + sizeof(fd) <= receiving->left.descriptor_end) {
		if (!bpf_probe_read_user(&fd, sizeof(fd), (void *)receiving->left.descriptor))
			passed(receiving, fd);
		receiving->left.descriptor += sizeof(fd);
		return 0;
	}
	if (receiving->left.control < receiving->left.control_end) {
		next_control(receiving);
		return 0;
	}
	return next_message(receiving);
}

static __always_inline int receive(struct file *file, u64 messages, u32 count)
{
	struct receiving receiving = {.message = messages};
	/* Another thread may have closed the socket, and what came may have its number by now: then it is
	 * told without who sent it. */
	struct sock *sk = file ? sock_of(file) : 0;
	if (sk && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX)
		receiving.sender = task_of(BPF_CORE_READ(sk, sk_peer_pid), 1);
	/* There is nothing to be read at 0, which leaves zeros that the verifier does not know to be
	 * zeros. Before 6.7 it looks at the first turn alone and would remove as dead what only later
	 * ones come to. */
	bpf_probe_read_kernel(&receiving.left, sizeof(receiving.left), 0);
	receiving.left.messages += count;
	bpf_loop(TURNS_MOST, receive_step, &receiving, 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_recvmsg, struct pt_regs *regs, long ret)
{
	return ret < 0 ? 0 : receive(file_of(ARG1(regs)), ARG2(regs), 1);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_recvmmsg, struct pt_regs *regs, long ret)
{
	return ret <= 0 ? 0 : receive(file_of(ARG1(regs)), ARG2(regs), ret);
}

/* Takes a descriptor out of the process that a descriptor of a process names. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_pidfd_getfd, struct pt_regs *regs, long ret)
{
	if (ret < 0)
		return 0;
	struct file *file = file_of(ARG1(regs));
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct pid *pid = BPF_CORE_READ(inode, i_sb, s_magic) == PIDFS_MAGIC
				  ? BPF_CORE_READ(inode, i_private)
				  : BPF_CORE_READ(file, private_data);
	/* A thread's, where it was opened for one. */
	struct task_struct *owner = task_of(pid, 1);
	struct receiving receiving = {.sender = owner ? owner : task_of(pid, 0)};
	passed(&receiving, ret);
	return 0;
}
