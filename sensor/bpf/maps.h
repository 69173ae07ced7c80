/* What the programs share: the filter, the rings, the counters and their working memory. */
#pragma once
#include "record.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Tells the compiler that it knows nothing of the value, so that the bounds that follow are
 * checked where the verifier looks for them. */
#define opaque(value) asm volatile("" : "+r"(value))

/* System call numbers are below this, in the machine's own table and in that of 32-bit programs.
 * There the calls that socketcall stands for follow, each by its number. */
#define SYSCALLS 512
#define SOCKETCALLS 64
#define COMPAT_SYSCALLS (SYSCALLS + SOCKETCALLS)

/* Which opens are wanted: those to which any of these applies. An access is none, those that can
 * write, or any. */
#define ACCESS_WRITE 1
#define ACCESS_ANY 2
struct opens {
	u32 marks;
	u32 all;
	u32 names;    /* the widest access of a watched name */
	u32 prefixes; /* and of a watched prefix */
};

/* What user space wants. Twin of src/live/rules.rs. It is written while the programs run. */
struct filter {
	/* What either table's bit set has: most calls are dismissed by it alone. */
	u64 watched[SYSCALLS / 64];
	u64 syscalls[SYSCALLS / 64];
	u64 compat_syscalls[COMPAT_SYSCALLS / 64];
	u64 kinds[2];
	/* Kinds that have lines (filter.h). */
	u64 narrowed[2];
	/* Bit n: some watched name has n bytes, or n is the most and it has more. Most names are
	 * dismissed by it without being read. */
	u64 name_lengths;
	/* By processes that are in no container, and by those that may be in one. */
	struct opens opens[2];
	/* Set where the two differ. */
	u32 by_place;
	/* The machine's own mount namespace, 0 while it is not known. */
	u32 home;
	/* The agent: what it opens, connects to … itself is not told. */
	u32 self;
	/* Set while any control group is muted (mute.h). */
	u32 mutes;
};
volatile struct filter filter SEC(".data.filter");

/* In a map's key: the control group is of version 1. */
#define GROUP_V1 (1ull << 63)

/* Set while the reader looks at the rings by itself several times a millisecond. Waking it for
 * every event would cost more than all the rest of the event. */
struct reader {
	u64 attentive;
};
volatile struct reader reader SEC(".data.reader");

/* What is kept of a watched name or prefix: the access by place, as in `opens`. */
#define access_in(value, place) ((value) >> (place) * 8 & 0xff)

/* Bytes of a watched name that are compared, the last always NUL; longer names match by their
 * head. */
#define NAME_KEPT 64
struct name {
	char bytes[NAME_KEPT];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct name);
	__type(value, u32);
} NAMES SEC(".maps");

/* Bytes of a watched prefix that are compared; longer prefixes match by their head. */
#define PREFIX_KEPT 128
struct prefix {
	u32 bits;
	char bytes[PREFIX_KEPT];
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u32);
} PREFIXES SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SYSCALLS);
	__type(key, u32);
	__type(value, u32);
} HANDLERS SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, COMPAT_SYSCALLS);
	__type(key, u32);
	__type(value, u32);
} COMPAT_HANDLERS SEC(".maps");

/* Sizes are set by user space. The bulk ring wakes an attentive reader only when this much waits. */
#define BULK_WAKE (1 << 20)
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} SECURITY SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} BULK SEC(".maps");

/* Causes of the catalogue are below this. */
#define LOSS_CAUSES 16
struct counters {
	u64 sequence;
	/* By loss cause of the catalogue. */
	u64 lost[LOSS_CAUSES];
	/* Bit n: slot n of SCRATCH is in use on this CPU. */
	u32 busy;
	u32 unused;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct counters);
} COUNTERS SEC(".maps");

/* Bytes of a packet's payload that are kept for plugins. Twin of src/live/flows.rs. */
#define PAYLOAD_KEPT 512

/* A path keeps this much: its end, which says which file it is. */
#define PATH_KEPT 1024
#define NAME_LONGEST 256
struct walk {
	u64 dentry;
	u64 mount;
	u64 top; /* root dentry of the mount */
	u64 root_dentry;
	u64 root_mount;
	u32 start; /* the path is text[start..PATH_KEPT] */
	u32 flags;
	char text[PATH_KEPT + NAME_LONGEST];
};

/* A mount that is looked for (made.h). */
struct seek {
	u64 ns;	   /* whose mounts are meant */
	u64 mount; /* whose copies are looked at */
	u64 next;  /* list entry of the next of them */
	u64 found;
	u32 copies;
	u32 recursive;
	u32 asked; /* the path is body[asked..asked + len] */
	u32 len;
	u32 same;
	u32 unused;
};

/* Bytes of either end of a text that the filter compares. */
#define COMPARED 32u

/* What the filter knows of a text. */
enum text_known {
	TEXT_KNOWN,
	TEXT_UNKNOWN, /* it may be any */
	TEXT_GIVEN,   /* a path that is still to be resolved: its last part */
	TEXT_WRITTEN, /* the same, to be taken as it is written: of lines apart alone */
	TEXT_NONE,    /* it fulfils no test: of lines apart alone */
};
struct ends {
	u64 head[COMPARED / 8];
	u64 tail[COMPARED / 8];
	u32 len;
	u32 known;
};

/* Where the judgement of a record stands (filter.h). */
struct judging {
	struct ends texts[2];
	u32 inside;
	u32 line; /* all tests of this line before the present one hold */
	u32 test; /* some step of the present test holds */
	u32 passes;
	u32 number; /* of this line, the first is 1 */
	u32 unused;
};

/* What tells a record from a flood of its kind by its own control group, found out only where a ring
 * fills up (lanes.h). */
struct part {
	u32 line;   /* the first of the lines apart that it fulfils, 0 for none */
	u32 object; /* what it is about, as a number that is never 0; 0 for what was not looked at */
};

/* Who a record competes as for the room in a ring (lanes.h). */
struct share_key {
	u64 cgroup;
	u64 cgroup_v1;
	u16 kind;
	u16 lane;
	u32 part; /* 0, a line, PART_OBJECTS; or an object */
};
struct share {
	u64 window;
	u64 bytes;
};
struct contender {
	struct share_key key;
	struct share first;
	u64 room; /* bytes that are free */
};

/* Marks that only src/live/given.rs reads; it takes them off the event. Twins of the constants
 * there. */
enum given_mark {
	GIVEN_FOLLOW = 1 << 24,	     /* a link at the end of text is followed */
	GIVEN_OLD_FOLLOW = 1 << 25,  /* a link at the end of text2 is followed */
	GIVEN_AGENT_ROOT = 1 << 26,  /* the process has the same root as the agent */
	GIVEN_PARENT_ROOT = 1 << 27, /* the process has the same root as its parent */
	GIVEN_FOREIGN = 1 << 28,     /* the path cannot be resolved from the process's root */
};

/* Blocks and texts of a record. Together the longest texts stay below. */
#define BODY_KEPT 8192
#define BODY_SLACK 4096
struct scratch {
	struct record record;
	u8 body[BODY_KEPT + BODY_SLACK];
	u32 used; /* bytes of the body */
	u32 slot;
	struct walk walk;
	struct seek seek;
	struct prefix prefix;
	struct judging judging;
	struct part part;
	struct contender contender;
};

/* Programs interrupt one another: a packet or a preempting task may come in the middle of a
 * system call. Each takes a slot of its own, so that none writes into another's record. */
#define SLOTS 3
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, struct scratch);
} SCRATCH SEC(".maps");

/* For whom the current task works, while it tells of a request to an io_uring: what is told then
 * is done by the one who made the request. Naming the worker keeps what interrupts it on this CPU
 * from being taken for its work. */
struct work {
	u64 worker; /* task, 0 for none */
	u64 master; /* task */
	u64 request;
	u32 marks;  /* of every event */
	u32 unused;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct work);
} WORK SEC(".maps");

/* Names of the extended attributes that requests to an io_uring are to set. What is evicted is told
 * without its name. */
#define ATTRIBUTE_KEPT 256
struct attribute_name {
	char bytes[ATTRIBUTE_KEPT];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, struct attribute_name);
} ATTRIBUTES SEC(".maps");

/* Who a task is to the kernel. The ids stand in the order in which the kernel keeps them. */
struct credentials {
	u32 uid, gid, suid, sgid, euid, egid;
	u64 inheritable, permitted, effective, bounding;
	u64 user; /* its user namespace */
};

/* What was told last of a process's credentials. */
struct shown {
	u32 uid, gid, euid, egid;
	u64 effective;
};

/* What a task was when last looked at: the bytes of its nsproxy, whatever their layout, and its
 * credentials. What the process has told of itself stands with its first thread. */
#define NSPROXY_KEPT 128
struct remembered {
	u8 nsproxy[NSPROXY_KEPT];
	struct credentials credentials;
	struct shown shown;
	u32 exec_id;
	u32 known; /* every later change of the credentials is seen */
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct remembered);
} REMEMBERED SEC(".maps");

static __always_inline struct counters *counters(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&COUNTERS, &zero);
}

/* The mask is for a kind that is no constant: the verifier must see that there is no third word. */
static __always_inline int wanted(u16 kind)
{
	return filter.kinds[kind >> 6 & 1] >> (kind & 63) & 1;
}
