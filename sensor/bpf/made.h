/* Which mount a call has made. The kernel keeps the mounts of a namespace in the order in which they
 * were made, and a call can make many: what is mounted below a tree that is bound as a whole comes
 * with it, and what is mounted in one place appears in all places that share their mounts with it.
 * Of these the right one is where the caller asked for it. */
#pragma once
#include "life.h"

/* Levels of the tree of mounts: more mounts than a namespace may have. */
#define TREE_LEVELS 40
/* Mounts that are looked at for one call. Stops a tree of mounts that is made deep, or a place that
 * many namespaces have a mount at, from making a call slow. */
#define SEEK_TURNS 1024

/* Eight bytes of text as a number. */
#define WORD(a, b, c, d, e, f, g, h)                                                               \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 |             \
	 (u64)(f) << 40 | (u64)(g) << 48 | (u64)(h) << 56)

/* The mount that was last added to the caller's namespace. */
static __always_inline struct mount *newest_mount(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	void *ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	struct rb_node *node = 0;
	if (bpf_core_field_exists(struct mnt_namespace___last, mnt_last_node)) {
		node = BPF_CORE_READ((struct mnt_namespace___last *)ns, mnt_last_node);
	} else if (bpf_core_field_exists(struct mnt_namespace___tree, mounts)) {
		node = BPF_CORE_READ((struct mnt_namespace___tree *)ns, mounts.rb_node);
		for (int i = 0; i < TREE_LEVELS; i++) {
			struct rb_node *right = BPF_CORE_READ(node, rb_right);
			if (!right)
				break;
			node = right;
		}
	} else {
		void *last = BPF_CORE_READ((struct mnt_namespace___list *)ns, list.prev);
		return last - bpf_core_field_offset(struct mount___list, mnt_list);
	}
	return node ? (void *)node - bpf_core_field_offset(struct mount___tree, mnt_node) : 0;
}

/* Whether what is mounted on that mount may appear elsewhere too, or has come from elsewhere. */
static __always_inline int is_shared(struct mount *mount)
{
	return BPF_CORE_READ(mount, mnt_group_id) || BPF_CORE_READ(mount, mnt_master);
}

/* The number of the descriptor that /proc/self/fd/N or /proc/thread-self/fd/N stands for, else -1.
 * So runtimes name what they mount on, to be sure that it is still what they looked at. */
static __noinline s32 descriptor_named(const char *name)
{
	u64 words[3] = {};
	char digits[8] = {};
	s32 fd = 0;
	u32 at;
	bpf_probe_read_user_str(words, sizeof(words), name);
	if (words[0] == WORD('/', 'p', 'r', 'o', 'c', '/', 's', 'e') &&
	    words[1] << 16 == WORD(0, 0, 'l', 'f', '/', 'f', 'd', '/'))
		at = 14;
	else if (words[0] == WORD('/', 'p', 'r', 'o', 'c', '/', 't', 'h') &&
		 words[1] == WORD('r', 'e', 'a', 'd', '-', 's', 'e', 'l') &&
		 words[2] << 24 == WORD(0, 0, 0, 'f', '/', 'f', 'd', '/'))
		at = 21;
	else
		return -1;
	bpf_probe_read_user_str(digits, sizeof(digits), name + at);
#pragma unroll
	for (u32 i = 0; i < sizeof(digits); i++) {
		if (!digits[i])
			return i ? fd : -1;
		if (digits[i] < '0' || digits[i] > '9')
			return -1;
		fd = fd * 10 + digits[i] - '0';
	}
	return -1;
}

/* Appends the path that a call was asked for, as a walk to what it has mounted there would tell it.
 * Where there are links or `..` in it, no walk does. */
static __noinline u32 append_asked(struct scratch *s, const char *name)
{
	s32 fd = descriptor_named(name);
	u32 len = 0, more;
	char first = 0;
	bpf_probe_read_user(&first, 1, name);
	if (fd >= 0 || first != '/') {
		struct path path = behind(fd >= 0 ? fd : AT_FDCWD);
		u16 dot = 0;
		if (!path.dentry)
			return 0;
		resolve(s, path.mnt, path.dentry);
		len = append_path(s, PATH_KEPT);
		bpf_probe_read_user(&dot, sizeof(dot), name);
		if (fd >= 0 || dot == '.')
			return len;
		if (len > 1)
			len += append_byte(s, '/');
	}
	more = append_user_string(s, name, PATH_KEPT);
	len += more;
	u32 last = s->used - 1;
	opaque(last);
	if (more > 1 && s->body[last & (BODY_KEPT - 1)] == '/')
		len--;
	return len;
}

static long letter_step(u32 turn, void *context)
{
	struct scratch *s = *(struct scratch **)context;
	u32 asked = s->seek.asked + turn, walked = s->walk.start + turn;
	if (turn >= s->seek.len)
		return 1;
	opaque(asked);
	opaque(walked);
	if (s->body[asked & (BODY_KEPT - 1)] == s->walk.text[walked & (PATH_KEPT - 1)])
		return 0;
	s->seek.same = 0;
	return 1;
}

/* Whether what was walked to is what was asked for. Not static, so that the kernel verifies it by
 * itself. */
__noinline int is_asked(struct scratch *s)
{
	if (!s)
		return 0;
	s->seek.same = s->seek.len && s->walk.start + s->seek.len == PATH_KEPT;
	if (s->seek.same)
		repeat(PATH_KEPT, letter_step, &s);
	return s->seek.same;
}

/* The first of what is mounted on the directory that this mount is on: in any namespace, and below
 * any mount of the file system. */
static __always_inline u64 first_beside(struct mount *mount)
{
	return (u64)BPF_CORE_READ(mount, mnt_mp, m_list.first);
}

/* One mount: those that may be copies of another one beside it, then the same of what that is
 * mounted on. */
static long seek_step(u32 turn, void *context)
{
	struct scratch *s = *(struct scratch **)context;
	struct seek *seek = &s->seek;
	struct mount *copied = (void *)seek->mount;
	if (!seek->next) {
		struct mount *parent = BPF_CORE_READ(copied, mnt_parent);
		if (!seek->recursive || !parent || parent == copied)
			return 1;
		seek->mount = (u64)parent;
		seek->next = first_beside(parent);
		return 0;
	}
	struct mount *mount = (void *)seek->next - bpf_core_field_offset(struct mount, mnt_mp_list);
	struct dentry *top = BPF_CORE_READ(mount, mnt.mnt_root);
	seek->next = (u64)BPF_CORE_READ(mount, mnt_mp_list.next);
	if ((u64)BPF_CORE_READ(mount, mnt_ns) != seek->ns ||
	    top != BPF_CORE_READ(copied, mnt.mnt_root))
		return 0;
	seek->copies++;
	resolve(s, vfsmount_of(mount), top);
	if (!is_asked(s))
		return 0;
	seek->found = (u64)mount;
	return 1;
}

/* The mount that a call has made on what it was asked for, and in `sure` whether that is where it
 * is: else it is one of several copies. `recursive` where mounts below it may have come with it:
 * none is found then unless it is where it was asked for. */
static __noinline struct mount *made_mount(struct scratch *s, const char *asked, u32 recursive,
					   u32 *sure)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mount *newest = newest_mount();
	struct seek *seek = &s->seek;
	u32 used = s->used, marks = s->record.marks;
	*sure = 1;
	if (!newest || (!recursive && !is_shared(BPF_CORE_READ(newest, mnt_parent))))
		return newest;
	seek->asked = used;
	seek->len = append_asked(s, asked);
	seek->ns = (u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
	seek->mount = (u64)newest;
	seek->next = first_beside(newest);
	seek->recursive = recursive;
	seek->found = 0;
	seek->copies = 0;
	repeat(SEEK_TURNS, seek_step, &s);
	/* What was appended to be compared is no part of the record. */
	s->used = used;
	s->record.marks = marks;
	if (seek->found)
		return (void *)seek->found;
	*sure = !recursive && seek->copies == 1;
	return recursive ? 0 : newest;
}
