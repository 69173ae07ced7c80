/* What is done through an io_uring. A request is told when it is completed, by the code that tells
 * of the same act by a system call, and in the name of the task that made it: a worker or a
 * kernel thread may complete it.
 *
 * Three ways of asking leave no completion with the request in it. An accept may be answered many
 * times, and a ring may have no room for an answer: of these only ring and user data are known, by
 * which the request was noted. And a request may ask for no answer to its success: it is told when
 * it is made. */
#pragma once
#include "descriptor.h"
#include "file.h"
#include "network.h"

enum uring_operation {
	URING_ACCEPT = 13,
	URING_CONNECT = 16,
	URING_OPENAT = 18,
	URING_OPENAT2 = 28,
	URING_FIXED_FD_INSTALL = 54,
	URING_BIND = 56,
	URING_LISTEN = 57,
};

#define URING_BIT(operation) (1ull << URING_##operation)
#define URING_TOLD                                                                                 \
	(URING_BIT(ACCEPT) | URING_BIT(CONNECT) | URING_BIT(OPENAT) | URING_BIT(OPENAT2) |         \
	 URING_BIT(FIXED_FD_INSTALL) | URING_BIT(BIND) | URING_BIT(LISTEN))

/* IOSQE_CQE_SKIP_SUCCESS; the first eight flags of a request are those of the user interface. */
#define URING_SKIP_SUCCESS 0x40
/* The ring chooses the slot, and the result is its number. */
#define URING_ANY_SLOT 0xffffffffu
/* What the ring keeps in the low bits of a pointer to a file. */
#define URING_FILE_BITS 7ul

/* Requests by ring and user data. What is evicted is missed only where its completion does not
 * name it. */
struct asked {
	u64 ring;
	u64 user_data;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct asked);
	__type(value, u64);
} REQUESTS SEC(".maps");

static __always_inline int is_wanted_operation(u32 operation)
{
	if (operation > 63 || !(URING_TOLD >> operation & 1))
		return 0;
	switch (operation) {
	case URING_OPENAT:
	case URING_OPENAT2:
		return wanted(KIND_OPEN) || wanted(KIND_TERMINAL);
	case URING_CONNECT:
		return wanted(KIND_CONNECT);
	case URING_ACCEPT:
		return wanted(KIND_ACCEPT);
	case URING_BIND:
		return wanted(KIND_BIND);
	case URING_LISTEN:
		return wanted(KIND_LISTEN);
	default:
		return wanted(KIND_DUP);
	}
}

/* Who made the request: a thread of the ring's owner, or the ring's polling thread, which belongs
 * to the same process. */
static __always_inline struct task_struct *maker_of(struct io_kiocb *request)
{
	if (bpf_core_field_exists(struct io_kiocb___tctx, tctx))
		return BPF_CORE_READ((struct io_kiocb___tctx *)request, tctx, task);
	return BPF_CORE_READ((struct io_kiocb___task *)request, task);
}

/* Lets what follows be told in the maker's name. Returns 0 if it is the agent itself. */
static __always_inline int work_for(struct io_kiocb *request)
{
	u32 zero = 0;
	struct work *work = bpf_map_lookup_elem(&WORK, &zero);
	struct task_struct *maker = maker_of(request);
	if (!work || !maker || BPF_CORE_READ(maker, tgid) == filter.self)
		return 0;
	work->master = (u64)maker;
	work->marks = EVENT_MARK_IO_URING;
	work->worker = bpf_get_current_task();
	return 1;
}

static __always_inline void work_done(void)
{
	u32 zero = 0;
	struct work *work = bpf_map_lookup_elem(&WORK, &zero);
	if (work)
		work->worker = 0;
}

/* A kernel thread completes what a task left behind that is gone; it shares nothing with it. */
static __always_inline int is_stranger(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return !!(task->flags & PF_KTHREAD);
}

static __always_inline struct file *fixed_file(struct io_ring_ctx *ring, u32 slot)
{
	u64 file = 0;
	if (bpf_core_field_exists(struct io_file_table___nodes, data)) {
		struct io_rsrc_node **nodes =
			BPF_CORE_READ((struct io_ring_ctx___nodes *)ring, file_table.data.nodes);
		struct io_rsrc_node *node = 0;
		bpf_probe_read_kernel(&node, sizeof(node), nodes + slot);
		file = BPF_CORE_READ(node, file_ptr);
	} else {
		struct io_fixed_file *files = BPF_CORE_READ(ring, file_table.files);
		file = BPF_CORE_READ((struct io_fixed_file *)((void *)files + slot * 8ull), file_ptr);
	}
	return (void *)(file & ~URING_FILE_BITS);
}

/* The file that a request made: behind a descriptor, or in a slot of the ring, where `slot` is
 * what the request asked for, counted from 1. */
static __always_inline struct file *made_by(struct io_kiocb *request, u32 slot, s32 res)
{
	if (res < 0)
		return 0;
	if (!slot)
		return is_stranger() ? 0 : file_of(res);
	return fixed_file(BPF_CORE_READ(request, ctx), slot == URING_ANY_SLOT ? res : slot - 1);
}

/* One function for each kind of act, and not one program with all of them inlined: older verifiers
 * lose the bounds of values that the compiler then keeps for several. */
static __noinline int tell_open(struct io_kiocb *request, s32 res)
{
	u32 slot = BPF_CORE_READ((struct io_open *)request, file_slot);
	return opened(made_by(request, slot, res), res, 0);
}

static __noinline int tell_accept(struct io_kiocb *request, s32 res)
{
	u32 slot = BPF_CORE_READ((struct io_accept *)request, file_slot);
	return accepted(made_by(request, slot, res), res);
}

static __noinline int tell_connect(struct io_kiocb *request, s32 res)
{
	const void *given = 0;
	if (!is_stranger())
		given = BPF_CORE_READ((struct io_connect *)request, addr);
	return connected(BPF_CORE_READ(request, file), given, res);
}

static __noinline int tell_own_end(struct io_kiocb *request, s32 res, u16 kind)
{
	return local_end(BPF_CORE_READ(request, file), res, kind);
}

static __always_inline void tell_request(struct io_kiocb *request, u32 operation, s32 res)
{
	if (!work_for(request))
		return;
	switch (operation) {
	case URING_OPENAT:
	case URING_OPENAT2:
		tell_open(request, res);
		break;
	case URING_ACCEPT:
		tell_accept(request, res);
		break;
	case URING_CONNECT:
		tell_connect(request, res);
		break;
	case URING_BIND:
		tell_own_end(request, res, KIND_BIND);
		break;
	case URING_LISTEN:
		tell_own_end(request, res, KIND_LISTEN);
		break;
	case URING_FIXED_FD_INSTALL:
		if (!is_stranger())
			replaced(res);
		break;
	}
	work_done();
}

static __always_inline int completed(u64 ring, u64 address, u64 user_data, s32 res)
{
	struct io_kiocb *request = (void *)address;
	if (!request) {
		struct asked asked = { .ring = ring, .user_data = user_data };
		u64 *known = bpf_map_lookup_elem(&REQUESTS, &asked);
		if (!known)
			return 0;
		request = (void *)*known;
		/* The request may be gone and its memory another one's. */
		if (BPF_CORE_READ(request, cqe.user_data) != user_data ||
		    (u64)BPF_CORE_READ(request, ctx) != ring)
			return 0;
	}
	u32 operation = BPF_CORE_READ(request, opcode);
	if (is_wanted_operation(operation))
		tell_request(request, operation, res);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ring, void *request, struct io_uring_cqe *cqe)
{
	return completed((u64)ring, (u64)request, BPF_CORE_READ(cqe, user_data),
			 BPF_CORE_READ(cqe, res));
}

/* Before kernel 6.15 the tracepoint gave the parts of the completion one by one. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete_parts, void *ring, void *request, u64 user_data, int res)
{
	return completed((u64)ring, (u64)request, user_data, res);
}

/* The ring has no room for the completion. */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(on_uring_overflow, void *ring, u64 user_data, int res)
{
	return completed((u64)ring, 0, user_data, res);
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *request)
{
	u32 operation = request->opcode;
	if (!is_wanted_operation(operation))
		return 0;
	struct asked asked = {
		.ring = (u64)BPF_CORE_READ(request, ctx),
		.user_data = BPF_CORE_READ(request, cqe.user_data),
	};
	u64 address = (u64)request;
	bpf_map_update_elem(&REQUESTS, &asked, &address, BPF_ANY);
	return 0;
}

SEC("tp_btf/io_uring_create")
int BPF_PROG(on_uring_create, int fd, void *ring, u32 entries, u32 completions, u32 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	if (!wanted(KIND_IO_URING) || task->tgid == filter.self)
		return 0;
	struct scratch *s = begin(KIND_IO_URING);
	if (!s)
		return 0;
	s->record.ret = fd;
	s->record.a = entries | (u64)flags << 32;
	finish(s, KIND_IO_URING);
	return 0;
}
