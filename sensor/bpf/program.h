/* Code that is put into the kernel: modules and BPF programs; and performance events, which run
 * such programs and watch others. */
#pragma once
#include "kernel.h"

#define BPF_CMD_MAP_CREATE 0
#define BPF_CMD_PROG_LOAD 5
#define BPF_CMD_PROG_ATTACH 8
#define BPF_CMD_RAW_TRACEPOINT_OPEN 17
#define BPF_CMD_LINK_CREATE 28

#define PERF_FLAG_PID_CGROUP 4

/* Modules that are being loaded, by the thread that loads them: their names are known to the
 * kernel alone, and only in the middle of the call. */
#define MODULE_NAME 56
struct module_name {
	char bytes[MODULE_NAME];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct module_name);
} LOADING SEC(".maps");

SEC("tp_btf/module_load")
int BPF_PROG(on_module_load, struct module *module)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct module_name name = {};
	bpf_core_read(&name, sizeof(name) - 1, &module->name);
	bpf_map_update_elem(&LOADING, &thread, &name, BPF_ANY);
	return 0;
}

static __always_inline int module_loaded(struct file *file, long ret, u32 marks)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct scratch *s = begin(KIND_MODULE);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.marks |= marks;
	if (file)
		s->record.text_len = append_path_of(s, file, PATH_KEPT);
	struct module_name *name = bpf_map_lookup_elem(&LOADING, &thread);
	if (name) {
		s->record.text2_len = append_kernel_string(s, name->bytes, MODULE_NAME);
		bpf_map_delete_elem(&LOADING, &thread);
	}
	finish(s, KIND_MODULE);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_init_module, struct pt_regs *regs, long ret)
{
	return module_loaded(0, ret, 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_finit_module, struct pt_regs *regs, long ret)
{
	struct file *file = file_of(ARG1(regs));
	return module_loaded(file, ret, file ? 0 : EVENT_MARK_INCOMPLETE);
}

static __always_inline void tell_program(struct scratch *s, struct bpf_prog *program)
{
	s->record.a |= (u64)BPF_CORE_READ(program, type) << 32;
	struct bpf_prog_aux *aux = BPF_CORE_READ(program, aux);
	s->record.text_len = append_kernel_string(s, (void *)&aux->name, 16);
}

static __always_inline void *object_of(s32 fd)
{
	struct file *file = fd < 0 ? 0 : file_of(fd);
	return file ? BPF_CORE_READ(file, private_data) : 0;
}

/* A call that failed has left nothing in the kernel: what it was given is in the caller's memory. */
static __always_inline void tell_attempt(struct scratch *s, struct pt_regs *regs, u32 command,
					 u32 type)
{
	char *attributes = (char *)ARG2(regs);
	s->record.a |= (u64)type << 32;
	s->record.text_len = append_user_string(
		s, attributes + (command == BPF_CMD_PROG_LOAD ? 48 : 28), 16);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_bpf, struct pt_regs *regs, long ret)
{
	u32 command = ARG1(regs);
	/* What the call is given begins with these. */
	u32 given[3] = {};
	if (command != BPF_CMD_MAP_CREATE && command != BPF_CMD_PROG_LOAD &&
	    command != BPF_CMD_PROG_ATTACH && command != BPF_CMD_RAW_TRACEPOINT_OPEN &&
	    command != BPF_CMD_LINK_CREATE)
		return 0;
	struct scratch *s = begin(KIND_BPF);
	if (!s)
		return 0;
	if (bpf_probe_read_user(given, sizeof(given), (void *)ARG2(regs)))
		s->record.marks |= EVENT_MARK_INCOMPLETE;
	s->record.ret = ret;
	s->record.a = command;
	if (command == BPF_CMD_MAP_CREATE || command == BPF_CMD_PROG_LOAD) {
		void *made = object_of(ret);
		if (!made) {
			tell_attempt(s, regs, command, given[0]);
		} else if (command == BPF_CMD_PROG_LOAD) {
			tell_program(s, made);
		} else {
			struct bpf_map *map = made;
			s->record.a |= (u64)BPF_CORE_READ(map, map_type) << 32;
			s->record.text_len = append_kernel_string(s, (void *)&map->name, 16);
		}
	} else if (command == BPF_CMD_PROG_ATTACH) {
		s->record.b = given[2];
		struct bpf_prog *program = object_of(given[1]);
		if (program)
			tell_program(s, program);
	} else {
		struct bpf_link *link = object_of(ret);
		struct bpf_prog *program =
			link ? BPF_CORE_READ(link, prog)
			     : object_of(command == BPF_CMD_LINK_CREATE ? given[0]
									: given[2]);
		if (command == BPF_CMD_LINK_CREATE)
			s->record.b = given[2];
		if (program)
			tell_program(s, program);
	}
	finish(s, KIND_BPF);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_perf_event_open, struct pt_regs *regs, long ret)
{
	struct perf_event *event = object_of(ret);
	struct scratch *s = begin(KIND_PERF_EVENT);
	if (!s)
		return 0;
	s->record.ret = ret;
	if (event) {
		s->record.a = BPF_CORE_READ(event, attr.type);
		s->record.b = BPF_CORE_READ(event, attr.config);
		target(s, BPF_CORE_READ(event, hw.target));
	} else {
		u64 given[2] = {};
		s32 number = ARG2(regs);
		if (bpf_probe_read_user(given, sizeof(given), (void *)ARG1(regs)))
			s->record.marks |= EVENT_MARK_INCOMPLETE;
		s->record.a = (u32)given[0];
		s->record.b = given[1];
		if (!number)
			target(s, (void *)bpf_get_current_task_btf());
		else if (number > 0 && !(ARG5(regs) & PERF_FLAG_PID_CGROUP))
			target(s, task_by_number(number));
	}
	finish(s, KIND_PERF_EVENT);
	return 0;
}
