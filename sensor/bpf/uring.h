/* What is done through an io_uring. A request is told when it is completed, by the code that tells
 * of the same act by a system call, and in the name of the task that made it: a worker or a
 * kernel thread may complete it.
 *
 * Three ways of asking leave no completion with the request in it. An accept may be answered many
 * times, and a ring may have no room for an answer: by what is known then the request was noted
 * (uring_asked.h). And a request may ask for no answer to its success: it is told when it is made, as
 * incomplete. */
#pragma once
#include "descriptor.h"
#include "file.h"
#include "given.h"
#include "life.h"
#include "message.h"
#include "ring.h"
#include "splice.h"
#include "uring_asked.h"

/* One function for each kind of act, and not one program with all of them inlined: older verifiers
 * lose the bounds of values that the compiler then keeps for several. */
static __noinline int open_as_given(struct io_kiocb *request, struct names *names, s32 res,
				    u64 found)
{
	struct io_open *open = (void *)request;
	return tell_open_as_given(BPF_CORE_READ(open, dfd), names->path,
				  BPF_CORE_READ(open, how.flags), res, found);
}

/* Where the path of a file and the name that was given end alike. */
struct comparison {
	struct scratch *s;
	u32 len;
	u32 differs;
};

static long compare_step(u32 turn, void *context)
{
	struct comparison *c = context;
	u32 at = turn * 8, real = PATH_KEPT - c->len + at;
	u64 given = 0, own = 0;
	if (at >= c->len)
		return 1;
	bpf_probe_read_kernel(&given, 8, c->s->body + (at & (PATH_KEPT - 1)));
	bpf_probe_read_kernel(&own, 8, c->s->walk.text + (real & (PATH_KEPT - 1)));
	u32 left = c->len - at;
	u64 kept = left < 8 ? (1ull << (left & 7) * 8) - 1 : ~0ull;
	if (!((given ^ own) & kept))
		return 0;
	c->differs = 1;
	return 1;
}

/* Whether the file is what stands at this very name: an absolute one that is its whole path, or one
 * without a directory in the directory that is meant. Not static, like what else leads to a walk. */
__noinline int is_at(u64 address, s32 directory, u64 name)
{
	struct file *file = (void *)address;
	struct scratch *s = claim();
	if (!s)
		return 0;
	struct comparison c = { .s = s, .differs = 1 };
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	resolve(s, BPF_CORE_READ(file, f_path.mnt), dentry);
	long len = bpf_probe_read_user_str(s->body, PATH_KEPT, (void *)name) - 1;
	if (len > 0 && len < PATH_KEPT && !s->walk.flags) {
		c.len = len;
		c.differs = s->body[0] == '/'
				    ? c.len != PATH_KEPT - s->walk.start
				    : c.len != BPF_CORE_READ(dentry, d_name.len) ||
					      BPF_CORE_READ(dentry, d_parent) !=
						      behind(directory).dentry;
		if (!c.differs)
			repeat(PATH_KEPT / 8, compare_step, &c);
	}
	release(s);
	return !c.differs;
}

/* A function of its own, so that its stack is not there while the file is told. */
static __noinline u64 file_opened(struct io_kiocb *request, s32 res)
{
	return (u64)made_by(request, BPF_CORE_READ((struct io_open *)request, file_slot), res);
}

/* The descriptor or slot is looked up when the request is completed, which may be after others of
 * its batch have closed it or opened another file in it. What does not stand at the name that was
 * asked for is told twice: as what it is, and as it was asked for. */
static __noinline int compare_open(struct io_kiocb *request, s32 res)
{
	struct names names = {};
	int noted = take_names(request, &names);
	if (res < 0 || !wanted(KIND_OPEN))
		return 0;
	struct file *file = (void *)file_opened(request, res);
	/* Whose memory held the name is gone with its task. */
	if (!noted || is_stranger())
		return file ? 0 : unreadable(KIND_OPEN);
	if (file && is_at((u64)file, BPF_CORE_READ((struct io_open *)request, dfd),
			  (u64)names.path))
		return 0;
	return open_as_given(request, &names, res, file ? BPF_CORE_READ(file, f_inode, i_ino) : 0);
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

/* The address that a connect was asked for; it is under way. */
static __noinline int connect_asked(struct io_kiocb *request, struct file *file)
{
	struct sock *sk = file ? sock_of(file) : 0;
	const void *given = BPF_CORE_READ((struct io_connect *)request, addr);
	if (!sk || !given)
		return 0;
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct scratch *s = begin(KIND_CONNECT);
	if (!s)
		return 0;
	u32 port = 0;
	if (family == AF_UNIX)
		s->record.text_len = append_user_string(s, given + 2, 109);
	else
		s->record.text_len = given_address(s, given, &port);
	s->record.ret = -EINPROGRESS;
	s->record.a = port_and_family(port, family, BPF_CORE_READ(sk, sk_type));
	s->record.b = BPF_CORE_READ(file, f_inode, i_ino);
	s->record.c = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	finish(s, KIND_CONNECT);
	return 0;
}

static __noinline int tell_own_end(struct file *file, s32 res, u16 kind)
{
	return local_end(file, res, kind);
}

static __noinline int tell_socket(struct io_kiocb *request, s32 res)
{
	struct io_socket *asked = (void *)request;
	return socket_made(made_by(request, BPF_CORE_READ(asked, file_slot), res),
			   BPF_CORE_READ(asked, domain), BPF_CORE_READ(asked, type),
			   BPF_CORE_READ(asked, protocol), res);
}

static __noinline int tell_splice(struct io_kiocb *request, s32 res)
{
	struct io_splice *asked = (void *)request;
	u32 from = BPF_CORE_READ(asked, splice_fd_in);
	struct file *file = 0;
	if (BPF_CORE_READ(asked, flags) & SPLICE_FD_IN_FIXED)
		file = fixed_file(BPF_CORE_READ(request, ctx), from);
	else if (!is_stranger())
		file = file_of(from);
	return spliced(res, file, BPF_CORE_READ(asked, file_out));
}

/* The caller's memory has the numbers, of descriptors or of slots. A slot that was asked for is that of
 * the read end, and the next one that of the write end: then it has none. */
static __noinline int tell_pipe(struct io_kiocb *request, s32 res)
{
	if (res < 0 || !bpf_core_type_exists(struct io_pipe))
		return 0;
	struct io_pipe *asked = (void *)request;
	u32 slot = BPF_CORE_READ(asked, file_slot), ends[2] = { slot - 1, slot };
	if (slot && slot != URING_ANY_SLOT)
		return pipe_made(fixed_file(BPF_CORE_READ(request, ctx), ends[0]), ends[0], ends[1]);
	if (is_stranger() || bpf_probe_read_user(ends, sizeof(ends), BPF_CORE_READ(asked, fds)))
		return unreadable(KIND_PIPE);
	return pipe_made(slot ? fixed_file(BPF_CORE_READ(request, ctx), ends[0])
			      : file_of(ends[0]),
			 ends[0], ends[1]);
}

/* The file of a request that names none: its path and what is asked of it. */
static __noinline int tell_truncate(struct io_kiocb *request, struct file *file, s32 res)
{
	if (!file || !is_told(res) || !bpf_core_type_exists(struct io_ftrunc))
		return 0;
	struct scratch *s = begin(KIND_TRUNCATE);
	if (!s)
		return 0;
	struct path path = {.mnt = BPF_CORE_READ(file, f_path.mnt),
			    .dentry = BPF_CORE_READ(file, f_path.dentry)};
	s->record.ret = res;
	s->record.a = BPF_CORE_READ((struct io_ftrunc *)request, len);
	tell_file(s, &path);
	finish(s, KIND_TRUNCATE);
	return 0;
}

static __noinline int tell_attribute(struct file *file, s32 res)
{
	if (!file || !is_told(res))
		return 0;
	struct scratch *s = begin(KIND_XATTR);
	if (!s)
		return 0;
	struct path path = {.mnt = BPF_CORE_READ(file, f_path.mnt),
			    .dentry = BPF_CORE_READ(file, f_path.dentry)};
	s->record.ret = res;
	s->record.a = XATTR_OPERATION_SET;
	tell_file(s, &path);
	s->record.text2_len = append_attribute(s);
	finish(s, KIND_XATTR);
	return 0;
}

/* Not static, so that the kernel verifies it once and not for each operation. It is no call of `tell`,
 * which would be one function more below another than the kernel lets there be. */
__noinline int tell_act(struct act *act)
{
	return act ? tell_inline(act) : 0;
}

/* What was asked of a name, and is told as given. */
static __noinline int tell_names(struct io_kiocb *request, struct names *names, s32 res)
{
	u32 operation = BPF_CORE_READ(request, opcode);
	struct act act = {
		.kind = kind_of(operation),
		.ret = res,
		.path = names->path,
		.old_path = names->old_path,
	};
	struct io_link *link = (void *)request;
	struct io_rename *rename = (void *)request;
	switch (operation) {
	case URING_RENAMEAT:
		act.directory = BPF_CORE_READ(rename, new_dfd);
		act.old_directory = BPF_CORE_READ(rename, old_dfd);
		act.a = (u32)BPF_CORE_READ(rename, flags);
		break;
	case URING_LINKAT:
		act.directory = BPF_CORE_READ(link, new_dfd);
		act.old_directory = BPF_CORE_READ(link, old_dfd);
		act.follow = BPF_CORE_READ(link, flags) & AT_SYMLINK_FOLLOW ? GIVEN_OLD_FOLLOW : 0;
		break;
	case URING_SYMLINKAT:
		act.directory = BPF_CORE_READ(link, new_dfd);
		act.string = act.old_path;
		act.old_path = 0;
		break;
	case URING_UNLINKAT:
		act.directory = BPF_CORE_READ((struct io_unlink *)request, dfd);
		act.a = BPF_CORE_READ((struct io_unlink *)request, flags) & AT_REMOVEDIR;
		break;
	case URING_SETXATTR:
		act.directory = AT_FDCWD;
		act.a = XATTR_OPERATION_SET;
		act.follow = GIVEN_FOLLOW;
		break;
	default:
		act.directory = BPF_CORE_READ((struct io_mkdir *)request, dfd);
		act.a = BPF_CORE_READ((struct io_mkdir *)request, mode);
		break;
	}
	return tell_act(&act);
}

/* A completed request whose names were noted. */
static __noinline int tell_named(struct io_kiocb *request, s32 res)
{
	struct names names = {};
	int noted = take_names(request, &names);
	if (!is_told(res))
		return 0;
	if (!noted || is_stranger())
		return unreadable(kind_of(BPF_CORE_READ(request, opcode)));
	return tell_names(request, &names, res);
}

static __always_inline void tell_request(struct io_kiocb *request, u32 operation, s32 res)
{
	struct file *file = BPF_CORE_READ(request, file);
	switch (operation) {
	case URING_OPENAT:
	case URING_OPENAT2:
		opened(file_opened(request, res), res, 0);
		compare_open(request, res);
		break;
	case URING_ACCEPT:
		tell_accept(request, res);
		break;
	case URING_CONNECT:
		tell_connect(request, res);
		break;
	case URING_BIND:
		tell_own_end(file, res, KIND_BIND);
		break;
	case URING_LISTEN:
		tell_own_end(file, res, KIND_LISTEN);
		break;
	case URING_SOCKET:
		tell_socket(request, res);
		break;
	case URING_SPLICE:
		tell_splice(request, res);
		break;
	case URING_FTRUNCATE:
		tell_truncate(request, file, res);
		break;
	case URING_FSETXATTR:
		tell_attribute(file, res);
		break;
	case URING_FIXED_FD_INSTALL:
		if (!is_stranger())
			replaced(res);
		break;
	case URING_PIPE:
		tell_pipe(request, res);
		break;
	default:
		tell_named(request, res);
	}
}

/* A socket that is asked for; it has no number yet. */
static __noinline int socket_asked(struct io_kiocb *request)
{
	struct io_socket *asked = (void *)request;
	return socket_made(0, BPF_CORE_READ(asked, domain), BPF_CORE_READ(asked, type),
			   BPF_CORE_READ(asked, protocol), 0);
}

/* The whole length is told: how much of it there was is not known yet. */
static __noinline int splice_asked(struct io_kiocb *request, struct file *pipe)
{
	struct io_splice *asked = (void *)request;
	u32 from = BPF_CORE_READ(asked, splice_fd_in);
	u64 len = BPF_CORE_READ(asked, len);
	struct file *file = BPF_CORE_READ(asked, flags) & SPLICE_FD_IN_FIXED
				    ? fixed_file(BPF_CORE_READ(request, ctx), from)
				    : file_of(from);
	if (!file || !pipe)
		return unreadable(KIND_SPLICE);
	return spliced(len > 0x7fffffff ? 0x7fffffff : len, file, pipe);
}

/* What is asked for without an answer. What comes of it is not known; of an accept and of a slot
 * that becomes a descriptor nothing is known yet. What an earlier request of the same batch is to
 * put in place is not there yet. */
static __always_inline void tell_asked(struct io_kiocb *request, u32 operation,
				       struct names *names)
{
	struct file *file = names ? 0 : asked_for(request);
	if (operation == URING_SOCKET)
		socket_asked(request);
	else if (operation == URING_PIPE)
		pipe_made(0, 0, 0);
	else if (operation == URING_SPLICE)
		splice_asked(request, file);
	else if (names && (operation == URING_OPENAT || operation == URING_OPENAT2))
		open_as_given(request, names, 0, 0);
	else if (!file && !names && operation != URING_ACCEPT &&
		 operation != URING_FIXED_FD_INSTALL)
		unreadable(kind_of(operation));
	else if (operation == URING_CONNECT)
		connect_asked(request, file);
	else if (operation == URING_BIND)
		tell_own_end(file, 0, KIND_BIND);
	else if (operation == URING_LISTEN)
		tell_own_end(file, 0, KIND_LISTEN);
	else if (operation == URING_FTRUNCATE)
		tell_truncate(request, file, 0);
	else if (operation == URING_FSETXATTR)
		tell_attribute(file, 0);
	else if (names)
		tell_names(request, names, 0);
}

/* Not static, so that the kernel verifies it once and not for each request that may have ended. */
__noinline int tell_completed(u64 address, s32 res, u32 marks)
{
	struct io_kiocb *request = (void *)address;
	u32 operation = BPF_CORE_READ(request, opcode);
	if (!is_wanted_operation(operation) || !work_for(request, marks))
		return 0;
	tell_request(request, operation, res);
	work_done();
	return 0;
}

static __always_inline int ended(struct io_kiocb *request, s32 res)
{
	if (!is_wanted_operation(BPF_CORE_READ(request, opcode)))
		return 0;
	forget(request);
	return tell_completed((u64)request, res, 0);
}

/* An answer that does not name its request. Where several may be meant each is told, as incomplete:
 * an act behind another one that is called the same must not go untold. */
static __always_inline int answered(u64 ring, u64 user_data, s32 res, u32 flags)
{
	u64 answer = answer_of(res, flags);
	u32 count = count_meant(ring, user_data, answer);
	for (u32 i = 0; count && i < ALIKE_MOST; i++) {
		u64 request = take_at(ring, user_data, i, answer);
		if (request)
			tell_completed(request, res, count > 1 ? EVENT_MARK_INCOMPLETE : 0);
	}
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ring, void *request, struct io_uring_cqe *cqe)
{
	return request ? ended(request, cqe->res)
		       : answered((u64)ring, cqe->user_data, cqe->res, cqe->flags);
}

/* Before kernel 6.15 the tracepoint gave the parts of the completion one by one. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete_parts, void *ring, void *request, u64 user_data, int res, u32 flags)
{
	return request ? ended(request, res) : answered((u64)ring, user_data, res, flags);
}

/* The ring has no room for the completion. */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(on_uring_overflow, void *ring, u64 user_data, int res, u32 flags)
{
	return answered((u64)ring, user_data, res, flags);
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *request)
{
	u32 operation = request->opcode;
	struct names names = {};
	u64 address = (u64)request;
	if (!is_wanted_operation(operation))
		return 0;
	int named = find_names(request, operation, &names);
	/* Also where no answer is asked for: a refusal is answered all the same. */
	if (named)
		bpf_map_update_elem(&GIVEN_NAMES, &address, &names, BPF_ANY);
	if (kind_of(operation) == KIND_XATTR)
		note_attribute(request);
	/* The answer to what finds no place among those that are called the same may not be told from
	 * theirs. */
	if ((request->flags & URING_SKIP_SUCCESS || (!note(request) && is_filling(request))) &&
	    work_for(request, EVENT_MARK_INCOMPLETE)) {
		tell_asked(request, operation, named ? &names : 0);
		work_done();
	}
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
