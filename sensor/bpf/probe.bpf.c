/* One empty program for each way of attaching that the sensor asks the kernel about: loading and
 * attaching it is the only honest answer. */
#include "types.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} STORAGE SEC(".maps");

SEC("tp_btf/sched_process_exec")
int probe_tp_btf(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_process_exit")
int probe_task_storage(void *ctx)
{
	bpf_task_storage_get(&STORAGE, (struct task_struct *)bpf_get_current_task_btf(), 0, 0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int probe_raw_tp(void *ctx)
{
	return 0;
}

SEC("fentry/commit_creds")
int probe_fentry(void *ctx)
{
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} RAN SEC(".maps");

/* A kernel whose security modules do not include BPF may take such a program, and never runs it. */
SEC("lsm/task_getpgid")
int probe_lsm(void *ctx)
{
	u32 zero = 0;
	u64 *ran = bpf_map_lookup_elem(&RAN, &zero);
	if (ran)
		*ran = 1;
	return 0;
}

SEC("iter/task")
int probe_iterators(void *ctx)
{
	return 0;
}

SEC("cgroup_skb/egress")
int probe_cgroup_skb(struct __sk_buff *skb)
{
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
