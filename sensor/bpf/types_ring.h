/* The types of io_uring: read where something goes through a ring. */
#pragma once
#include "types.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* io_uring: rings, what is asked of them, and the forms of a request that name a slot or an
 * address. A request's command lies over its first bytes, whatever its form. */
struct io_fixed_file {
	unsigned long file_ptr;
};
struct io_file_table {
	struct io_fixed_file *files;
};
struct io_rsrc_node {
	unsigned long file_ptr;
};
struct io_rsrc_data___nodes {
	struct io_rsrc_node **nodes;
};
struct io_file_table___nodes {
	struct io_rsrc_data___nodes data;
};
struct io_uring {
	u32 head;
	u32 tail;
};
struct io_rings {
	struct io_uring cq;
};
struct io_ring_ctx {
	struct io_file_table file_table;
	struct io_rings *rings;
	u32 cached_cq_tail;
	u32 cq_entries;
};
struct io_ring_ctx___nodes {
	struct io_file_table___nodes file_table;
};
struct io_uring_task {
	struct task_struct *task;
};
struct io_uring_cqe {
	u64 user_data;
	s32 res;
	u32 flags;
};
struct io_cqe {
	u64 user_data;
	s32 res;
	s32 fd;
};
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u32 flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
};
struct io_kiocb___task {
	struct task_struct *task;
};
struct io_kiocb___tctx {
	struct io_uring_task *tctx;
};
struct filename {
	const char *uptr;
};
struct open_how {
	u64 flags;
};
struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
struct io_accept {
	u32 file_slot;
};
struct io_connect {
	void *addr;
};
struct io_socket {
	int domain;
	int type;
	int protocol;
	u32 file_slot;
};
/* A symbolic link has the form of a link. */
struct io_link {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};
struct io_rename {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};
struct io_unlink {
	int dfd;
	int flags;
	struct filename *filename;
};
struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
};
struct xattr_name {
	char name[256];
};
/* Before kernel 6.14 it had another name, which does not matter here. */
struct kernel_xattr_ctx {
	struct xattr_name *kname;
};
struct io_xattr {
	struct kernel_xattr_ctx ctx;
	struct filename *filename;
};
struct io_splice {
	struct file *file_out;
	u64 len;
	int splice_fd_in;
	unsigned int flags;
};
struct io_ftrunc {
	s64 len;
};
struct io_pipe {
	int *fds;
	u32 file_slot;
};
struct io_sr_msg {
	void *umsg;
	u32 msg_flags;
};

#pragma clang attribute pop
