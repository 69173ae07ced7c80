//! Device numbers in the one form that events use.

/// The kernel's internal form of a device number (`major << 20 | minor`), which events carry,
/// from the form that `stat` and `statx` give to programs.
pub fn kernel_device(st_dev: u64) -> u64 {
    kernel_device_of(rustix::fs::major(st_dev), rustix::fs::minor(st_dev))
}

/// The kernel's internal form of a device number given as its two halves.
pub const fn kernel_device_of(major: u32, minor: u32) -> u64 {
    (major as u64) << 20 | minor as u64
}

/// Major number of a device in the kernel's form. 0 are file systems without a block device.
pub const fn major(device: u64) -> u32 {
    (device >> 20) as u32
}

/// Minor number of a device in the kernel's form.
pub const fn minor(device: u64) -> u32 {
    (device & 0xf_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_survive() {
        for (major_, minor_) in [(0, 0), (8, 1), (253, 0xf_ffff), (0xfff, 300)] {
            let device = kernel_device(rustix::fs::makedev(major_, minor_));
            assert_eq!((major(device), minor(device)), (major_, minor_));
        }
        assert_eq!(kernel_device(rustix::fs::makedev(259, 2)), 259 << 20 | 2);
    }
}
