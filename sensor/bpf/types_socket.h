/* The types of sockets, and what programs keep with them. */
#pragma once
#include "types.h"

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_VSOCK = 40 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3 };
enum {
	IPPROTO_IP = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_MPTCP = 262,
};
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_FIN_WAIT1 = 4 };
enum { TCP_CLOSE = 7, TCP_LAST_ACK = 9, TCP_LISTEN = 10 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	u8 bytes[16];
};
struct proto;
typedef struct {
	struct net *net;
} possible_net_t;
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	volatile u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};
struct socket;
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	struct bpf_local_storage *sk_bpf_storage;
	u16 sk_type;
	u16 sk_protocol;
	u8 sk_shutdown;
	int sk_err;
	struct pid *sk_peer_pid;
};
struct inet_connection_sock {
	void *icsk_ulp_data;
};
struct tcp_sock {
	u64 bytes_sent;
	u64 bytes_received;
	bool is_mptcp;
};
/* Multipath TCP: the socket that a process holds, and what each TCP socket below it knows of it. */
struct mptcp_sock {
	u64 bytes_sent;
	u64 bytes_received;
	struct sock *first;
};
struct mptcp_subflow_context {
	struct sock *conn;
};
/* What programs keep with a socket. */
struct bpf_local_storage_data {
	void *smap;
	u8 data[0];
};
struct bpf_local_storage_elem {
	struct hlist_node snode;
	struct bpf_local_storage_data sdata;
};
struct bpf_local_storage {
	struct hlist_head list;
};
struct socket {
	struct file *file;
	struct sock *sk;
};
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};
struct sockaddr_un {
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[1];
};
struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

#pragma clang attribute pop
