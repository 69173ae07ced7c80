/* What crosses a ring: one form for every kind. Twin of src/decode.rs.
 *
 * A record is the fixed head, then the blocks that `blocks` names in the order of its bits, then
 * the texts: text, text2, text of the attr, args and cwd of the image, address of each stream. */
#pragma once
#include "types.h"
#include "types_message.h"
#include "types_socket.h"

enum block {
	BLOCK_TARGET = 1, /* the target fields of the head are set */
	BLOCK_ATTR = 2,
	BLOCK_IMAGE = 4, /* followed by three streams */
	BLOCK_STREAM = 8,
	BLOCK_NUMBER = 16, /* a second attr, without text */
};

struct actor {
	u64 start;
	u64 parent_start;
	u64 capabilities;
	u64 cgroup;
	u64 cgroup_v1;
	u32 pid;
	u32 parent;
	u32 tid;
	u32 exec_id;
	u32 uid;
	u32 gid;
	u32 mount_ns;
	u32 pid_ns;
	u32 network_ns;
	u32 user_ns;
	u8 comm[16];
};

struct record {
	u16 kind;
	u16 blocks;
	u32 len;
	u64 at;
	u64 id;
	u32 marks;
	s32 ret;
	struct actor actor;
	u64 target_start;
	u32 target;
	u16 text_len;
	u16 text2_len;
	u64 a, b, c;
};

struct attr {
	u64 value;
	u32 key;
	u16 text_len;
	u16 unused;
};

struct image {
	u64 inode;
	u32 device;
	u32 marks;
	u32 args_total;
	u16 args_len;
	u16 cwd_len;
};

struct stream {
	u64 id;
	u64 other;
	u32 port;
	u16 kind;
	u16 marks;
	u16 fd;
	u16 address_len;
	u32 unused;
};

_Static_assert(sizeof(struct actor) == 96, "actor");
_Static_assert(sizeof(struct record) == 168, "record");
_Static_assert(sizeof(struct attr) == 16, "attr");
_Static_assert(sizeof(struct image) == 24, "image");
_Static_assert(sizeof(struct stream) == 32, "stream");

/* Numbers of the event catalogue (wit/events.toml). build.rs generates them. */
#include "catalogue.h"
