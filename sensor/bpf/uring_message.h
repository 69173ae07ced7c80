/* Messages that go through an io_uring: their heads lie in the caller's memory, as those of a system
 * call do. A program of its own, loaded where such messages are wanted alone. */
#pragma once
#include "passed.h"
#include "ring.h"

/* Begins a connection with the first message. */
#define MSG_FASTOPEN 0x20000000

/* Apart, because older kernels let a program and what it calls have little stack together. */
static __noinline int message_sent(struct file *file, const void *head)
{
	struct message message = {};
	struct sending sending = {};
	if (is_sending_on(&sending, file) && !read_message(&message, head) && message.name)
		sent_to(&sending, message.name, message.name_len);
	return 0;
}

/* A connection that a message with an address begins. */
static __noinline int connected_by_message(struct file *file, s32 res)
{
	struct sock *sk = file ? sock_of(file) : 0;
	u16 family = sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : 0;
	if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return 0;
	return connected(file, 0, res);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_message, void *ring, struct io_kiocb *request)
{
	/* None where the ring had no room for the answer. */
	if (!request)
		return 0;
	u32 operation = BPF_CORE_READ(request, opcode);
	int received = operation == URING_RECVMSG;
	int plain = operation == URING_SEND || operation == URING_SEND_ZC;
	if (!received && !plain && operation != URING_SENDMSG && operation != URING_SENDMSG_ZC)
		return 0;
	int begins = !received && wanted(KIND_CONNECT) &&
		     BPF_CORE_READ((struct io_sr_msg *)request, msg_flags) & MSG_FASTOPEN;
	s32 res = BPF_CORE_READ(request, cqe.res);
	int told = !plain && res >= 0 && wanted(received ? KIND_PASSED : KIND_SEND);
	if ((!begins && !told) || is_stranger() || !work_for(request, 0))
		return 0;
	struct file *file = BPF_CORE_READ(request, file);
	void *head = BPF_CORE_READ((struct io_sr_msg *)request, umsg);
	if (begins)
		connected_by_message(file, res);
	if (told && received)
		receive(file, (u64)head, 1);
	else if (told)
		message_sent(file, head);
	work_done();
	return 0;
}
