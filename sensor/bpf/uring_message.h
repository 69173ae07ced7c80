/* Messages that go through an io_uring: their heads lie in the caller's memory, as those of a system
 * call do. A program of its own, loaded where such messages are wanted alone. */
#pragma once
#include "passed.h"
#include "ring.h"

/* Apart, because older kernels let a program and what it calls have little stack together. */
static __noinline int message_sent(struct file *file, const void *head)
{
	struct message message = {};
	struct sending sending = {};
	if (is_sending_on(&sending, file) && !read_message(&message, head) && message.name)
		sent_to(&sending, message.name, message.name_len);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_message, void *ring, struct io_kiocb *request)
{
	/* None where the ring had no room for the answer. */
	if (!request)
		return 0;
	u32 operation = BPF_CORE_READ(request, opcode);
	int received = operation == URING_RECVMSG;
	if (!received && operation != URING_SENDMSG && operation != URING_SENDMSG_ZC)
		return 0;
	if (!wanted(received ? KIND_PASSED : KIND_SEND))
		return 0;
	if (BPF_CORE_READ(request, cqe.res) < 0 || is_stranger() || !work_for(request, 0))
		return 0;
	struct file *file = BPF_CORE_READ(request, file);
	void *head = BPF_CORE_READ((struct io_sr_msg *)request, umsg);
	if (received)
		receive(file, (u64)head, 1);
	else
		message_sent(file, head);
	work_done();
	return 0;
}
