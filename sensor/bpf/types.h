/* The kernel types that the programs touch, and nothing more. Field offsets come from the running
 * kernel's own type information when the object is loaded, so only names and types matter here. */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;

/* From the kernel's user interface: numbers that never change. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1, BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_AVAIL_DATA = 0, BPF_RB_CONS_POS = 2 };
enum bpf_func_id {
	BPF_FUNC_task_pt_regs = 175,
	BPF_FUNC_find_vma = 180,
	BPF_FUNC_loop = 181,
};

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

#define PROC_MAGIC 0x9fa0
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define PIPEFS_MAGIC 0x50495045
#define OVERLAYFS_MAGIC 0x794c7630

#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_ATOMIC_POS 0x8000
#define FMODE_CREATED 0x100000
#define AT_FDCWD -100
#define AT_EMPTY_PATH 0x1000
#define O_NOFOLLOW 0400000
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define EPERM 1
#define EACCES 13
#define EROFS 30
#define MNT_INTERNAL 0x4000
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next;
};
struct hlist_head {
	struct hlist_node *first;
};
struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};
struct rb_root {
	struct rb_node *rb_node;
};
typedef struct {
	int counter;
} atomic_t;
typedef struct {
	s64 counter;
} atomic64_t;

/* Namespaces and credentials. */
struct ns_common {
	u32 inum;
};
struct user_namespace {
	struct ns_common ns;
};
struct net {
	struct ns_common ns;
};
struct xarray {
	void *xa_head;
};
struct idr {
	struct xarray idr_rt;
	u32 idr_base;
};
struct xa_node {
	u8 shift;
	void *slots[64];
};
struct pid_namespace {
	struct ns_common ns;
	struct idr idr;
	u32 level;
};
struct mount;
struct mnt_namespace {
	struct ns_common ns;
};
/* The newest mount of a namespace, in the three forms that kernels have kept it. */
struct mnt_namespace___last {
	struct rb_node *mnt_last_node;
};
struct mnt_namespace___tree {
	struct rb_root mounts;
};
struct mnt_namespace___list {
	struct list_head list;
};
struct nsproxy {
	void *uts_ns;
	void *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	void *time_ns_for_children;
	void *cgroup_ns;
};
typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u32 val;
} kgid_t;
/* Eight bytes whose parts kernels name differently: to be read as a whole. */
typedef struct {
	u64 val;
} kernel_cap_t;
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	struct user_namespace *user_ns;
};

/* Files. */
struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
};
struct block_device;
struct file_system_type {
	const char *name;
	int fs_flags;
};
struct dentry;
struct super_block {
	u32 s_dev;
	struct file_system_type *s_type;
	unsigned long s_magic;
	struct dentry *s_root;
	struct block_device *s_bdev;
};
struct inode {
	u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_nlink;
	u32 i_rdev;
	u32 i_flags;
	atomic_t i_writecount;
	void *i_private;
};
struct dentry {
	u32 d_flags;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};
/* A directory that something is mounted on, and all that is. */
struct mountpoint {
	struct hlist_head m_list;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mount *mnt_master;
	struct mnt_namespace *mnt_ns;
	struct mountpoint *mnt_mp;
	struct hlist_node mnt_mp_list;
	int mnt_id;
	int mnt_group_id;
};
struct mount___tree {
	struct rb_node mnt_node;
};
struct mount___list {
	struct list_head mnt_list;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	u32 f_mode;
	void *private_data;
	struct inode *f_inode;
	u32 f_flags;
	struct path f_path;
};
struct fdtable {
	u32 max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct fs_struct {
	struct path root;
	struct path pwd;
};
struct pid;
struct fs_context {
	struct file_system_type *fs_type;
	struct dentry *root;
};
struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

/* Terminals. */
struct tty_driver {
	int major;
	int minor_start;
};
struct tty_struct {
	int index;
	struct tty_driver *driver;
	struct tty_struct *link;
	void *driver_data;
};
struct tty_file_private {
	struct tty_struct *tty;
};

/* Control groups. */
struct kernfs_node {
	u64 id;
};
struct cgroup_root {
	u32 subsys_mask;
	int hierarchy_id;
};
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};
enum cgroup_subsys_id {
	pids_cgrp_id = 11,
};

/* Processes. */
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	u32 level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};
struct mm_struct {
	unsigned long arg_start, arg_end;
	unsigned long start_brk, brk, start_stack;
	struct file *exe_file;
};
struct vm_area_struct {
	unsigned long vm_start, vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	void *anon_vma;
	struct file *vm_file;
};
struct signal_struct {
	atomic_t live;
	int group_exit_code;
	u32 flags;
};
struct thread_info {
	unsigned long flags;
	u32 status;
};
struct task_struct {
	struct thread_info thread_info;
	u32 flags;
	u32 personality;
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	u64 start_boottime;
	struct cred *real_cred;
	struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	u64 self_exec_id;
	struct css_set *cgroups;
};
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct linux_binprm {
	u32 secureexec : 1;
	struct file *executable;
	struct file *file;
	const char *filename;
};
struct kernel_siginfo {
	int si_code;
};

/* What is put into the kernel. */
struct module {
	char name[56];
};
struct bpf_prog_aux {
	char name[16];
};
enum bpf_prog_type {
	BPF_PROG_TYPE_UNSPEC,
};
enum bpf_map_type {
	BPF_MAP_TYPE_UNSPEC,
};
struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};
struct bpf_map {
	enum bpf_map_type map_type;
	char name[16];
};
struct bpf_link {
	struct bpf_prog *prog;
};
struct perf_event_attr {
	u32 type;
	u64 config;
};
struct hw_perf_event {
	struct task_struct *target;
};
struct perf_event {
	struct perf_event_attr attr;
	struct hw_perf_event hw;
};

/* What a system call was given. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bx, cx, bp, di, si, dx, r10, r8, r9, orig_ax, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 sp;
	u64 orig_x0;
	s32 syscallno;
};
#else
#error "unknown architecture: define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NUMBER(regs) ((regs)->orig_ax)
/* TS_COMPAT: a 32-bit system call, however it was made. */
#define IS_COMPAT(task) ((task)->thread_info.status & 2)
#else
#define SYSCALL_NUMBER(regs) ((u64)(u32)(regs)->syscallno)
/* TIF_32BIT. */
#define IS_COMPAT(task) ((task)->thread_info.flags & (1ul << 22))
#endif
