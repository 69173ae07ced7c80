/* Whether a record passes: the steps of its kind's lines are walked. `Lines::pass` in
 * src/filter/step.rs is the same in Rust, and the tests hold the two against one another. */
#pragma once
#include "filter.h"

/* What is judged. The rest stands in the scratch: older kernels have no room on the stack, and take
 * what a callback finds there at its first turn for what it always is. */
struct judge {
	struct scratch *s;
	struct lines *lines;
};

/* What user space looks up, of paths as given; of packets that came in before anybody had accepted
 * the connection the socket is not known either. */
#define LOOKED_UP                                                                                  \
	(1u << SLOT_B | 1u << SLOT_B_LO | 1u << SLOT_B_HI | 1u << SLOT_C | 1u << SLOT_C_LO |       \
	 1u << SLOT_C_HI)

/* Whether nothing is known of a number. */
static __always_inline int is_unknown(struct record *record, u32 slot)
{
	if (slot >= SLOT_UID)
		return slot == SLOT_UID && !record->actor.pid;
	if (record->marks & EVENT_MARK_INCOMPLETE)
		return 1;
	return (record->marks & EVENT_MARK_AS_GIVEN || !record->actor.pid) &&
	       LOOKED_UP >> (slot & 31) & 1;
}

/* An attribute's number, as user space tells it. */
static __always_inline u64 attribute_in(struct scratch *s, u32 key)
{
	struct attr *attr = (void *)s->body;
	u16 kind = s->record.kind;
	if (!(s->record.blocks & BLOCK_ATTR))
		return 0;
	/* A packet has its protocol and its marks in one. */
	if (kind == KIND_SENT || kind == KIND_RECEIVED)
		return key == 1 ? (u32)attr->value : attr->value >> 32 & 0xffff;
	if (attr->key != key && s->record.blocks & BLOCK_NUMBER)
		attr++;
	return attr->key == key ? attr->value : 0;
}

static __always_inline u64 number_in(struct scratch *s, u32 slot)
{
	struct record *record = &s->record;
	switch (slot) {
	case SLOT_RET:
		return (s64)record->ret;
	case SLOT_A:
		return record->a;
	case SLOT_B:
		return record->b;
	case SLOT_C:
		return record->c;
	case SLOT_A_LO:
		return (u32)record->a;
	case SLOT_A_HI:
		return record->a >> 32;
	case SLOT_B_LO:
		return (u32)record->b;
	case SLOT_B_HI:
		return record->b >> 32;
	case SLOT_C_LO:
		return (u32)record->c;
	case SLOT_C_HI:
		return record->c >> 32;
	case SLOT_ATTR_1:
		return attribute_in(s, 1);
	case SLOT_ATTR_2:
		return attribute_in(s, 2);
	case SLOT_UID:
		return record->actor.uid;
	default:
		return s->judging.inside;
	}
}

static __always_inline int number_holds(struct scratch *s, struct step *step)
{
	if (is_unknown(&s->record, step->slot))
		return 1;
	u64 number = number_in(s, step->slot);
	int holds = step->flags & STEP_BITS ? !!(number & step->low)
					    : number >= step->low && number <= step->high;
	return holds != !!(step->flags & STEP_NOT);
}

/* What of the n-th word counts of as many bytes at the head, the first the lowest. */
static __always_inline u64 head_mask(u32 bytes, u32 n)
{
	u32 some = bytes > n * 8 ? bytes - n * 8 : 0;
	if (some > 8)
		some = 8;
	/* Twice half of it: none of a word's 64 bits is more than one shift takes. */
	return ~0ull >> (32 - some * 4) >> (32 - some * 4);
}

static __always_inline u64 tail_mask(u32 bytes, u32 n)
{
	u32 before = COMPARED / 8 - 1 - n;
	u32 some = bytes > before * 8 ? bytes - before * 8 : 0;
	if (some > 8)
		some = 8;
	return ~0ull << (32 - some * 4) << (32 - some * 4);
}

static __always_inline int has_tail(struct ends *ends, struct step *step, u32 bytes)
{
	u64 other = 0;
#pragma unroll
	for (u32 n = 0; n < COMPARED / 8; n++) {
		other |= (ends->tail[n] ^ step->words[n]) & tail_mask(bytes, n);
		opaque(other);
	}
	return !other;
}

static __always_inline int has_head(struct ends *ends, struct step *step)
{
	u64 other = 0;
#pragma unroll
	for (u32 n = 0; n < COMPARED / 8; n++) {
		other |= (ends->head[n] ^ step->words[n]) & head_mask(step->compared, n);
		opaque(other);
	}
	return !other;
}

/* Of a path as given only its last part is sure: links may be among the others. The byte before it
 * is a '/', or the NUL that parts the name from the directory. */
static __always_inline int last_part_holds(struct ends *ends, struct step *step)
{
	u32 bytes = step->given, at = (COMPARED - bytes) & (COMPARED - 1);
	u8 first = ((u8 *)ends->tail)[at], wanted = ((u8 *)step->words)[at];
	int same = first == wanted || (wanted == '/' && !first);
	int holds = same && ends->len >= bytes && has_tail(ends, step, bytes - 1);
	if (!(step->flags & STEP_NOT))
		return holds;
	/* What is left out by its last part alone. */
	return !holds || step->whole || bytes != step->compared;
}

static __always_inline int text_holds(struct scratch *s, struct step *step)
{
	struct ends *ends = &s->judging.texts[step->slot >= SLOT_TEXT2_HEAD];
	int head = step->slot == SLOT_TEXT_HEAD || step->slot == SLOT_TEXT2_HEAD;
	if (ends->known == TEXT_NONE)
		return 0;
	if (ends->known == TEXT_UNKNOWN || (ends->known == TEXT_GIVEN && head))
		return 1;
	if (ends->known == TEXT_GIVEN || (ends->known == TEXT_WRITTEN && !head))
		return last_part_holds(ends, step);
	int holds = ends->len >= step->compared && (!step->whole || ends->len == step->whole);
	if (holds)
		holds = head ? has_head(ends, step) : has_tail(ends, step, step->compared);
	return holds != !!(step->flags & STEP_NOT);
}

static long judge_step(u32 turn, void *context)
{
	struct judge *judge = context;
	struct lines *lines = judge->lines;
	struct scratch *s = judge->s;
	struct judging *j = &s->judging;
	opaque(turn);
	if (turn >= STEPS_MOST || turn >= lines->count)
		return 1;
	struct step *step = &lines->steps[turn];
	if (step->flags & STEP_LINE) {
		j->passes |= j->line & j->test;
		j->number += !j->passes;
		j->line = 1;
		j->test = 1;
	}
	if (step->flags & STEP_TEST) {
		j->line &= j->test;
		j->test = 0;
	}
	if (j->passes)
		return 1;
	if (!j->test)
		j->test = step->slot >= SLOT_TEXT_HEAD ? text_holds(s, step) : number_holds(s, step);
	return 0;
}

/* Calls on a name: where nothing has seen the entry the path is told as given. */
static __always_inline int is_of_names(u16 kind)
{
	return (kind >= KIND_RENAME && kind <= KIND_MKDIR) || kind == KIND_MOUNT;
}

static __always_inline int is_of_sockets(u16 kind)
{
	return kind == KIND_CONNECT || kind == KIND_ACCEPT || kind == KIND_BIND ||
	       kind == KIND_LISTEN || kind == KIND_SEND;
}

/* What is known of a text: whether it stands there as user space will tell it. What is unknown may
 * be wanted; but nothing is apart for what may be true of it, or a flood of such things were too. */
static __always_inline u32 knowledge(struct record *record, u32 second, u32 judged)
{
	u16 kind = record->kind;
	u32 unknown = judged & LINES_APART ? TEXT_NONE : TEXT_UNKNOWN;
	/* What is read out of a packet is told as whole. */
	u32 cut = (u16)(judged & ~LINES_APART) == kind ? EVENT_MARK_TRUNCATED : 0;
	if (record->marks & (EVENT_MARK_INCOMPLETE | cut) ||
	    record->blocks & (BLOCK_IMAGE | BLOCK_STREAM))
		return unknown;
	/* A file that could not be looked at is told by the name that it was asked for by. */
	if (kind == KIND_OPEN && record->marks & EVENT_MARK_AS_GIVEN)
		return unknown;
	/* The number of a vsock's end is written out. */
	if (is_of_sockets(kind) && (record->a >> 32 & 0xffff) == AF_VSOCK)
		return unknown;
	if ((kind == KIND_SENT || kind == KIND_RECEIVED) && !second &&
	    record->text_len > PAYLOAD_KEPT)
		return unknown;
	if (!(record->marks & EVENT_MARK_AS_GIVEN) || !is_of_names(kind))
		return TEXT_KNOWN;
	if (second && kind != KIND_RENAME && kind != KIND_LINK)
		return TEXT_KNOWN;
	/* A link at the end is followed. */
	if (!(judged & LINES_APART) &&
	    record->marks & (second ? GIVEN_OLD_FOLLOW : GIVEN_FOLLOW))
		return unknown;
	return TEXT_GIVEN;
}

/* Reads both ends of a text of the record. Not static, so that the kernel verifies it by itself. */
__noinline int read_ends(struct scratch *s, u32 second, u32 judged)
{
	if (!s)
		return 0;
	struct ends *ends = &s->judging.texts[second & 1];
	u32 at = s->record.blocks & BLOCK_ATTR ? sizeof(struct attr) : 0;
	if (s->record.blocks & BLOCK_NUMBER)
		at += sizeof(struct attr);
	u32 len = second ? s->record.text2_len : s->record.text_len;
	if (second)
		at += s->record.text_len;
	u32 end = at + len;
	ends->len = len;
	ends->known = knowledge(&s->record, second, judged);
	opaque(at);
	opaque(end);
	if (at > BODY_KEPT || end > BODY_KEPT) {
		ends->known = judged & LINES_APART ? TEXT_NONE : TEXT_UNKNOWN;
		return 0;
	}
	bpf_probe_read_kernel(ends->head, COMPARED, s->body + at);
	/* Of a shorter text what stands before it in the scratch, which nothing compares. */
	bpf_probe_read_kernel(ends->tail, COMPARED,
			      (void *)s + __builtin_offsetof(struct scratch, body) - COMPARED + end);
	u8 last = ends->tail[COMPARED / 8 - 1] >> 56;
	if (judged & LINES_APART && ends->known == TEXT_GIVEN)
		ends->known = TEXT_WRITTEN;
	/* A name that ends so is not that of what it leads to. */
	if (ends->known == TEXT_GIVEN && (!last || last == '/' || last == '.'))
		ends->known = TEXT_UNKNOWN;
	return 0;
}

/* The first of a kind's lines that holds of the record, which is of that kind, or of a packet that a
 * thing of that kind is read out of; 0 for none. Without lines everything passes, and nothing is
 * apart. Not static, so that the kernel verifies it by itself and not once for every way that leads
 * here. */
__noinline int line_held(struct scratch *s, u32 key)
{
	if (!s)
		return 0;
	u32 kind = key & (LINES_APART - 1);
	struct judge judge = { .s = s };
	judge.lines = bpf_map_lookup_elem(&LINES, &key);
	if (!judge.lines)
		return key == kind;
	struct judging *j = &s->judging;
	j->inside = may_be_inside(s->record.actor.mount_ns, s->record.actor.cgroup,
				  s->record.actor.cgroup_v1);
	j->line = 0;
	j->test = 0;
	j->passes = 0;
	j->number = 0;
	if (judge.lines->texts & 1)
		read_ends(s, 0, key);
	if (judge.lines->texts & 2)
		read_ends(s, 1, key);
	repeat(STEPS_MOST + 1, judge_step, &judge);
	return j->passes | (j->line & j->test) ? j->number : 0;
}

/* What the context always needs (`KindSet::CONTEXT`); some of its programs have no room on the stack
 * of older kernels for tests. */
static __always_inline int is_of_context(u16 kind)
{
	switch (kind) {
	case KIND_EXEC:
	case KIND_FORK:
	case KIND_EXIT:
	case KIND_DUP:
	case KIND_SETNS:
	case KIND_UNSHARE:
	case KIND_CREDENTIALS:
	case KIND_CGROUP:
	case KIND_CGROUP_MOVE:
	case KIND_CGROUP_REMOVED:
		return 1;
	default:
		return 0;
	}
}

static __always_inline int passes(struct scratch *s, u16 kind)
{
	/* What the context needs is never narrowed. */
	if (is_of_context(kind) || !(filter.narrowed[kind >> 6 & 1] >> (kind & 63) & 1))
		return 1;
	return line_held(s, kind);
}

/* What the record is about, by all that tells it from others: the second and third of its numbers,
 * which of a file are its inode and its device, and its text. */
__noinline int subject_of(struct scratch *s)
{
	if (!s)
		return 0;
	struct ends *ends = &s->judging.texts[0];
	u64 sum = s->record.b * SPREAD + s->record.c;
	read_ends(s, 0, s->record.kind);
	u32 len = ends->len;
#pragma unroll
	for (u32 n = 0; n < COMPARED / 8; n++) {
		sum = sum * SPREAD + (ends->head[n] & head_mask(len, n));
		sum = sum * SPREAD + (ends->tail[n] & tail_mask(len, n));
	}
	sum *= SPREAD;
	return sum >> 32 | 1;
}

/* Finds out what tells the record from others of its kind and group, where that counts. */
static __always_inline void single_out(struct scratch *s, u16 kind, u32 security)
{
	if (is_of_context(kind) || !is_tight(security))
		return;
	s->part.line = line_held(s, kind | LINES_APART);
	s->part.object = subject_of(s);
}
