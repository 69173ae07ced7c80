/* What runs already, told task by task as the kernel's own objects have it: for those who come
 * late, or have missed something. It is written to whoever reads the iterator and not to a ring. */
#pragma once
#include "process.h"

/* Stops a process with a hundred thousand connections from filling the row of one process:
 * descriptors above 2 that are told, and one more that says that there are others. */
#define RELAYS_MOST 64
/* Stops a process with a million open files from holding up everybody: descriptors that are looked
 * at. */
#define OPEN_MOST 4096

/* Writes the record out. Where the reader's buffer has no room left for all of a process, the
 * kernel comes back to it with the next one. */
static __always_inline int put(struct seq_file *to, struct scratch *s)
{
	u32 len = s->used;
	opaque(len);
	if (len > BODY_KEPT)
		len = BODY_KEPT;
	len += sizeof(struct record);
	s->record.len = len;
	return bpf_seq_write(to, &s->record, len);
}

static __always_inline struct file *open_file(struct file **files, u32 fd)
{
	struct file *file = 0;
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

/* A record of one stream: of its actor only the process counts. Where a connection ends on this
 * side says, with who listens there, which side began it. */
static __always_inline struct stream *begin_stream(struct scratch *s, struct file *file)
{
	struct sock *sk = sock_of(file);
	s->used = 0;
	s->record.blocks = BLOCK_STREAM;
	s->record.marks = 0;
	s->record.text_len = 0;
	s->record.a = sk ? BPF_CORE_READ(sk, __sk_common.skc_num) : 0;
	s->record.b = sk ? BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) : 0;
	return reserve(s, sizeof(struct stream));
}

/* Whether a process may pass on through it what another one says. */
static __always_inline int may_relay(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u16 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type == S_IFIFO)
		return 1;
	if (type == S_IFCHR) {
		u32 rdev = BPF_CORE_READ(inode, i_rdev);
		/* /dev/ptmx, and masters of the older kind. */
		return (MAJOR(rdev) == 5 && MINOR(rdev) == 2) || MAJOR(rdev) == 128;
	}
	if (type != S_IFSOCK)
		return 0;
	struct sock *sk = sock_of(file);
	u16 family = sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : 0;
	return family == AF_UNIX || family == AF_INET || family == AF_INET6;
}

struct looking {
	struct seq_file *to;
	struct scratch *s;
	u64 task;
	struct file **files;
	u32 open; /* descriptors that there may be */
	u32 relays;
};

static long look_step(u32 fd, void *context)
{
	struct looking *l = context;
	if (fd >= l->open || l->relays > RELAYS_MOST)
		return 1;
	struct file *file = open_file(l->files, fd);
	if (!file || (fd > 2 && !may_relay(file)))
		return 0;
	struct scratch *s = l->s;
	struct stream *stream = begin_stream(s, file);
	describe_for(s, (u64)file, stream, fd, l->task);
	l->relays += fd > 2;
	if (l->relays > RELAYS_MOST)
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	put(l->to, s);
	return 0;
}

/* Standard streams, and what a relay may hold. */
static __always_inline void tell_streams(struct seq_file *to, struct scratch *s,
					 struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct looking l = { .to = to, .s = s, .task = (u64)task };
	if (!table)
		return;
	/* A zero that the verifier does not know to be one: before 6.8 it looks at the first turn alone,
	 * and would take out what only later ones come to. */
	bpf_probe_read_kernel(&l.relays, sizeof(l.relays), 0);
	l.open = BPF_CORE_READ(table, max_fds);
	l.files = BPF_CORE_READ(table, fd);
	repeat(OPEN_MOST, look_step, &l);
}

static __noinline int tell_image(struct seq_file *to, struct scratch *s, struct task_struct *task)
{
	struct image *image = reserve(s, sizeof(struct image) + 3 * sizeof(struct stream));
	__builtin_memset(image, 0, sizeof(struct image) + 3 * sizeof(struct stream));
	s->record.blocks = BLOCK_IMAGE;
	image->marks = PROCESS_MARK_EXISTING;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		image->marks |= PROCESS_MARK_KERNEL_THREAD;
		return put(to, s);
	}
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	if (exe) {
		struct inode *inode = BPF_CORE_READ(exe, f_inode);
		u32 links = BPF_CORE_READ(inode, i_nlink);
		image->inode = BPF_CORE_READ(inode, i_ino);
		image->device = BPF_CORE_READ(inode, i_sb, s_dev);
		image->marks |= image_marks(task, exe, inode, links);
		s->record.text_len = append_path_for(s, task, exe, PATH_KEPT);
	} else {
		image->marks |= PROCESS_MARK_INCOMPLETE;
	}
	resolve_for(s, task, BPF_CORE_READ(task, fs, pwd.mnt), BPF_CORE_READ(task, fs, pwd.dentry));
	image->cwd_len = append_path(s, PATH_KEPT);
	return put(to, s);
}

/* A process by its first thread, or by any other where that one has ended already: whoever reads
 * it takes the first that comes. Its command line is in its own memory, which a program that must
 * not sleep cannot read. */
SEC("iter/task")
int tell_existing(struct bpf_iter__task *context)
{
	struct seq_file *to = context->meta->seq;
	struct task_struct *task = 0;
	/* As a plain number, which functions that are verified by themselves take. */
	bpf_core_read(&task, sizeof(task), &context->task);
	if (!task || BPF_CORE_READ(task, flags) & PF_EXITING)
		return 0;
	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) &&
	    !(BPF_CORE_READ(task, group_leader, flags) & PF_EXITING))
		return 0;
	struct scratch *s = claim();
	if (!s)
		return 0;
	stamp(s, KIND_EXISTING);
	stamp_task(&s->record.actor, task);
	/* There may be some among those that are not looked at. */
	if (BPF_CORE_READ(task, files, fdt, max_fds) > OPEN_MOST)
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	tell_image(to, s, task);
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD))
		tell_streams(to, s, task);
	release(s);
	return 0;
}
