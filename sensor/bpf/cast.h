/* Pointers that are followed without a call for each: a kernel that has the function
 * `bpf_rdonly_cast` (6.2) takes an address for what a program says that it is, and then lets it read
 * there directly. aya knows no such functions: src/casts.rs writes the numbers that they have in
 * the running kernel over the ones here, which are none. Where there is no such function, it takes
 * out the call. */
#pragma once
#include "maps.h"

/* A constant to the verifier, which then looks at one of two ways only. */
static __always_inline int can_cast(void)
{
	u64 possible;
	asm volatile("%0 = 0x56435430" : "=r"(possible));
	return possible;
}

/* The file that a pointer at this address leads to: what holds the pointer is taken for the type
 * that has such a pointer among its members. */
static __always_inline struct file *file_at(u64 address)
{
	register u64 holder asm("r1") =
		address - bpf_core_field_offset(struct linux_binprm, file);
	register struct linux_binprm *typed asm("r0");
	asm volatile("r2 = 0x56435431\n"
		     ".byte 0x85, 0x20, 0, 0\n"
		     ".long 0x56435432"
		     : "=r"(typed), "+r"(holder)
		     :
		     : "r2", "r3", "r4", "r5", "memory");
	return typed->file;
}
