/* Where a file that is mapped or spliced comes from. */
#pragma once
#include "path.h"

#define S_IWOTH 2

/* Whether an overlay inode has a copy of its own in the upper layer. Such an inode is followed in
 * memory by the pointer to that copy; the type is not in the kernel's own type information where
 * overlay is a module. */
static __always_inline int is_in_upper_layer(struct inode *inode)
{
	void *upper = 0;
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (void *)inode + bpf_core_type_size(struct inode));
	return upper != 0;
}

/* Bits of the catalogue's file-mark. */
static __always_inline u32 file_marks(struct file *file)
{
	u32 marks = 0;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
	u16 mode = BPF_CORE_READ(inode, i_mode);
	if ((magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC) && is_internal(mnt))
		return FILE_MARK_MEMFD | FILE_MARK_DELETED;
	if (!BPF_CORE_READ(inode, i_nlink))
		marks |= FILE_MARK_DELETED;
	if (magic == OVERLAYFS_MAGIC && is_in_upper_layer(inode))
		marks |= FILE_MARK_WRITTEN;
	if (is_foreign(mnt))
		marks |= FILE_MARK_FOREIGN_MOUNT;
	if ((mode | BPF_CORE_READ(dentry, d_parent, d_inode, i_mode)) & S_IWOTH)
		marks |= FILE_MARK_WORLD_WRITABLE;
	if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		marks |= FILE_MARK_READ_ONLY;
	return marks;
}
