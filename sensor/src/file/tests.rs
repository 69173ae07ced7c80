#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use rustix::fs::{FileType, mknodat};
use std::{io::Read as _, os::unix::fs::MetadataExt as _, path::Path};

fn own() -> TaskRef {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split(' ').nth(20).unwrap();
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
    TaskRef {
        pid: std::process::id(),
        start: ticks.parse::<u64>().unwrap() * tick,
    }
}

fn later() -> Instant {
    Instant::now() + std::time::Duration::from_secs(600)
}

fn named(path: &Path, inode: u64) -> Result<Found, FileError> {
    Wanted {
        through: &[own()],
        link: Link::None,
        path: path.as_os_str().as_encoded_bytes(),
        inode,
        device: 0,
        until: later(),
    }
    .find()
}

#[test]
fn a_file_is_the_one_that_was_named_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "content").unwrap();
    let inode = path.metadata().unwrap().ino();
    let found = named(&path, inode).unwrap();
    assert_eq!((found.facts.inode, found.facts.size), (inode, 7));
    let mut text = String::new();
    found.open().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
    assert_eq!(found.now().unwrap(), found.facts);

    // In the form that events tell devices in.
    let device = crate::device::kernel_device(path.metadata().unwrap().dev());
    assert_eq!(found.facts.device, device);

    std::fs::write(&path, "other content").unwrap();
    assert_ne!(found.now().unwrap(), found.facts);
    let new = dir.path().join("new");
    std::fs::write(&new, "content").unwrap();
    std::fs::rename(&new, &path).unwrap();
    assert_eq!(named(&path, inode).unwrap_err(), FileError::Changed);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(named(&path, inode).unwrap_err(), FileError::Gone);
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert_eq!(named(&path, 0).unwrap_err(), FileError::Changed);
    assert_eq!(
        named(&path.join("below"), 0).unwrap_err(),
        FileError::Changed
    );
}

#[test]
fn only_plain_files_that_somebody_wrote_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(
        named(&fifo, 0).unwrap().open().unwrap_err(),
        FileError::NotPlain
    );
    let opened = |path: &str| named(Path::new(path), 0).unwrap().open();
    assert_eq!(opened("/dev/null").unwrap_err(), FileError::NotPlain);
    assert_eq!(opened("/etc").unwrap_err(), FileError::NotPlain);
    assert_eq!(opened("/proc/version").unwrap_err(), FileError::Denied);
    assert_eq!(
        named(Path::new("relative"), 0).unwrap_err(),
        FileError::Gone
    );
    let up = named(Path::new("/etc/../etc/passwd"), 0);
    assert_eq!(up.unwrap_err(), FileError::Denied);
}

#[test]
fn a_way_that_takes_too_long_is_given_up() {
    let wanted = Wanted {
        through: &[own()],
        link: Link::None,
        path: b"/etc/passwd",
        inode: 0,
        device: 0,
        until: Instant::now(),
    };
    assert_eq!(wanted.find().unwrap_err(), FileError::Late);
}

#[test]
fn the_image_is_reached_without_a_name() {
    let wanted = Wanted {
        through: &[own()],
        link: Link::Image,
        path: b"",
        inode: std::fs::metadata("/proc/self/exe").unwrap().ino(),
        device: 0,
        until: later(),
    };
    let found = wanted.find().unwrap();
    let mut head = [0; 4];
    found.open().unwrap().read_exact(&mut head).unwrap();
    assert_eq!(&head, b"\x7fELF");
    let other = Wanted { inode: 1, ..wanted };
    assert_eq!(other.find().unwrap_err(), FileError::Changed);
    let mut other_start = own();
    other_start.start += 1_000_000_000;
    let gone = Wanted {
        through: &[other_start],
        ..wanted
    };
    assert_eq!(gone.find().unwrap_err(), FileError::Gone);
}

#[test]
fn a_file_in_memory_can_be_read() {
    use rustix::fd::AsRawFd as _;
    let mut file = File::from(memfd_create(c"hidden", MemfdFlags::CLOEXEC).unwrap());
    std::io::Write::write_all(&mut file, b"in memory").unwrap();
    let wanted = Wanted {
        through: &[own()],
        link: Link::Descriptor(file.as_raw_fd() as u32),
        path: b"/memfd:hidden",
        inode: file.metadata().unwrap().ino(),
        device: 0,
        until: later(),
    };
    let mut text = String::new();
    let found = wanted.find().unwrap();
    found.open().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "in memory");
}
