/* The kernel's keyrings. */
#pragma once
#include "emit.h"

/* In the place of an operation of keyctl. */
#define OPERATION_ADD_KEY 0xffff
#define OPERATION_REQUEST_KEY 0xfffe

/* Bytes of a key's type and description, which the kernel limits to 32 and 4096. */
#define KEY_TYPE_KEPT 32
#define KEY_DESCRIPTION_KEPT 256

SEC("tp_btf/sys_exit")
int BPF_PROG(on_keyctl, struct pt_regs *regs, long ret)
{
	struct scratch *s = begin(KIND_KEYCTL);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = (u32)ARG1(regs);
	s->record.b = ARG2(regs);
	finish(s, KIND_KEYCTL);
	return 0;
}

/* Type and description are the first arguments of both. */
static __always_inline int named_key(struct pt_regs *regs, long ret, u32 operation)
{
	struct scratch *s = begin(KIND_KEYCTL);
	if (!s)
		return 0;
	s->record.ret = ret;
	s->record.a = operation;
	s->record.text_len = append_user_string(s, (void *)ARG1(regs), KEY_TYPE_KEPT);
	s->record.text2_len = append_user_string(s, (void *)ARG2(regs), KEY_DESCRIPTION_KEPT);
	finish(s, KIND_KEYCTL);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_add_key, struct pt_regs *regs, long ret)
{
	return named_key(regs, ret, OPERATION_ADD_KEY);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_request_key, struct pt_regs *regs, long ret)
{
	return named_key(regs, ret, OPERATION_REQUEST_KEY);
}
