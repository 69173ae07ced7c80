/* What messages and the ends of sockets look like to user space and to control-group programs. */
#pragma once
#include "types.h"

/* A vsock socket begins with the fields of every socket and one pointer; then come its two ends.
 * Its type is a module's, so its offsets cannot be asked for; the ends say their family. */
struct vsock_ends {
	void *transport;
	struct vsock_end {
		u16 family;
		u16 reserved;
		u32 port;
		u32 cid;
		u32 unused;
	} local, remote;
};

/* Of messages that are sent and received; the kernel's user interface too. */
struct message {
	void *name;
	u32 name_len;
	u32 unused;
	void *parts;
	u64 part_count;
	void *control;
	u64 control_len;
	u64 flags;
	u64 len; /* in an array of messages: what was sent or received */
};
struct control {
	u64 len;
	s32 level;
	s32 type;
};

/* What control-group programs are given; these layouts are the kernel's user interface. */
struct bpf_sock {
	u32 bound_dev_if;
	u32 family;
	u32 type;
	u32 protocol;
	u32 mark;
	u32 priority;
	u32 src_ip4;
	u32 src_ip6[4];
	u32 src_port;
	__be16 dst_port;
	u16 unused;
	u32 dst_ip4;
	u32 dst_ip6[4];
	u32 state;
};
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
	u32 napi_id;
	u32 family;
	u32 remote_ip4;
	u32 local_ip4;
	u32 remote_ip6[4];
	u32 local_ip6[4];
	u32 remote_port;
	u32 local_port;
	u32 data_meta;
	u64 flow_keys;
	u64 tstamp;
	u32 wire_len;
	u32 gso_segs;
	struct bpf_sock *sk;
};
struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4;
	u32 user_ip6[4];
	u32 user_port;
	u32 family;
	u32 type;
	u32 protocol;
	u32 msg_src_ip4;
	u32 msg_src_ip6[4];
	struct bpf_sock *sk;
};
