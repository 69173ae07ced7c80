/* A request to an io_uring: what it asks for, who made it, and the files and names in it. */
#pragma once
#include "emit.h"
#include "types_ring.h"

enum uring_operation {
	URING_SENDMSG = 9,
	URING_RECVMSG = 10,
	URING_ACCEPT = 13,
	URING_CONNECT = 16,
	URING_OPENAT = 18,
	URING_SEND = 26,
	URING_OPENAT2 = 28,
	URING_SPLICE = 30,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_MKDIRAT = 37,
	URING_SYMLINKAT = 38,
	URING_LINKAT = 39,
	URING_FSETXATTR = 41,
	URING_SETXATTR = 42,
	URING_SOCKET = 45,
	URING_SEND_ZC = 47,
	URING_SENDMSG_ZC = 48,
	URING_FIXED_FD_INSTALL = 54,
	URING_FTRUNCATE = 55,
	URING_BIND = 56,
	URING_LISTEN = 57,
	URING_PIPE = 62,
};

/* The first eight flags of a request are those of the user interface: IOSQE_FIXED_FILE,
 * IOSQE_CQE_SKIP_SUCCESS. */
#define URING_FIXED_FILE 0x1
#define URING_SKIP_SUCCESS 0x40
/* The ring chooses the slot, and the result is its number. */
#define URING_ANY_SLOT 0xffffffffu
/* The descriptor that is spliced from is a slot. */
#define SPLICE_FD_IN_FIXED (1u << 31)
/* What the ring keeps in the low bits of a pointer to a file. */
#define URING_FILE_BITS 7ul

/* The kind of what an operation does, 0 for one that is never told. */
static __always_inline u16 kind_of(u32 operation)
{
	switch (operation) {
	case URING_ACCEPT:
		return KIND_ACCEPT;
	case URING_CONNECT:
		return KIND_CONNECT;
	case URING_OPENAT:
	case URING_OPENAT2:
		return KIND_OPEN;
	case URING_SPLICE:
		return KIND_SPLICE;
	case URING_RENAMEAT:
		return KIND_RENAME;
	case URING_UNLINKAT:
		return KIND_UNLINK;
	case URING_MKDIRAT:
		return KIND_MKDIR;
	case URING_SYMLINKAT:
		return KIND_SYMLINK;
	case URING_LINKAT:
		return KIND_LINK;
	case URING_SETXATTR:
	case URING_FSETXATTR:
		return KIND_XATTR;
	case URING_SOCKET:
		return KIND_SOCKET;
	case URING_FIXED_FD_INSTALL:
		return KIND_DUP;
	case URING_FTRUNCATE:
		return KIND_TRUNCATE;
	case URING_BIND:
		return KIND_BIND;
	case URING_LISTEN:
		return KIND_LISTEN;
	case URING_PIPE:
		return KIND_PIPE;
	default:
		return 0;
	}
}

static __always_inline int is_wanted_operation(u32 operation)
{
	u16 kind = kind_of(operation);
	/* Opening a pseudo-terminal makes one. */
	return kind && (wanted(kind) || (kind == KIND_OPEN && wanted(KIND_TERMINAL)));
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
static __always_inline int work_for(struct io_kiocb *request, u32 marks)
{
	u32 zero = 0;
	struct work *work = bpf_map_lookup_elem(&WORK, &zero);
	struct task_struct *maker = maker_of(request);
	if (!work || !maker || BPF_CORE_READ(maker, tgid) == filter.self)
		return 0;
	work->master = (u64)maker;
	work->marks = EVENT_MARK_IO_URING | marks;
	work->request = (u64)request;
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

/* The file that a request is to work on, before it is looked up. */
static __always_inline struct file *asked_for(struct io_kiocb *request)
{
	s32 number = BPF_CORE_READ(request, cqe.fd);
	if (BPF_CORE_READ(request, flags) & URING_FIXED_FILE)
		return fixed_file(BPF_CORE_READ(request, ctx), number);
	return file_of(number);
}

/* Names that a request was given. The kernel's copies are gone when the request is completed, so
 * where they came from is noted when it is made: they are then read like those of a system call. */
struct names {
	const char *path;
	const char *old_path;
};
/* What is evicted is counted as unreadable when it is completed: who would hide a request behind others
 * needs more of them than this under way, on all rings of the machine together. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, struct names);
} GIVEN_NAMES SEC(".maps");

/* Takes the names that were noted of a request. */
static __always_inline int take_names(struct io_kiocb *request, struct names *out)
{
	u64 address = (u64)request;
	struct names *noted = bpf_map_lookup_elem(&GIVEN_NAMES, &address);
	if (!noted)
		return 0;
	*out = *noted;
	bpf_map_delete_elem(&GIVEN_NAMES, &address);
	return 1;
}

#define name_of(request, form, field) BPF_CORE_READ((struct form *)(request), field, uptr)

/* Finds the names in a request; returns 0 if it has none. */
static __always_inline int find_names(struct io_kiocb *request, u32 operation, struct names *out)
{
	switch (operation) {
	case URING_OPENAT:
	case URING_OPENAT2:
		out->path = name_of(request, io_open, filename);
		return 1;
	case URING_RENAMEAT:
		out->path = name_of(request, io_rename, newpath);
		out->old_path = name_of(request, io_rename, oldpath);
		return 1;
	case URING_LINKAT:
	case URING_SYMLINKAT:
		out->path = name_of(request, io_link, newpath);
		out->old_path = name_of(request, io_link, oldpath);
		return 1;
	case URING_UNLINKAT:
		out->path = name_of(request, io_unlink, filename);
		return 1;
	case URING_MKDIRAT:
		out->path = name_of(request, io_mkdir, filename);
		return 1;
	case URING_SETXATTR:
		if (!bpf_core_type_exists(struct io_xattr))
			return 0;
		out->path = name_of(request, io_xattr, filename);
		return 1;
	default:
		return 0;
	}
}

/* Notes the name of the extended attribute that a request is to set: the kernel's copy, which is gone
 * when the request is completed. */
static __noinline int note_attribute(struct io_kiocb *request)
{
	u64 address = (u64)request;
	if (!bpf_core_type_exists(struct io_xattr))
		return 0;
	/* One that was not told has left its own where this request lies now. */
	bpf_map_delete_elem(&ATTRIBUTES, &address);
	struct xattr_name *name = BPF_CORE_READ((struct io_xattr *)request, ctx.kname);
	struct scratch *s = name ? claim() : 0;
	if (!s)
		return 0;
	if (bpf_probe_read_kernel_str(s->walk.text, ATTRIBUTE_KEPT, name) > 0)
		bpf_map_update_elem(&ATTRIBUTES, &address, s->walk.text, BPF_ANY);
	release(s);
	return 0;
}
