//! What a virtual machine needs to run anything: a shell, Python, the files that programs expect.

use super::initramfs::Initramfs;
use crate::tools;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Programs of this machine that tests execute. They are no applets, because tests copy and rename
/// them.
const PROGRAMS: &[&str] = &["python3", "true", "sleep", "cat", "sh", "unshare"];

/// Parts of Python's library that no test imports, which are most of it.
const UNUSED: &[&str] = &[
    "config-",
    "test",
    "idlelib",
    "lib2to3",
    "distutils",
    "ensurepip",
    "pydoc_data",
    "unittest",
    "tkinter",
    "turtledemo",
    "dist-packages",
];

/// The files of a machine that runs shell scripts and Python.
///
/// # Errors
/// When a program is not installed here, or cannot be read.
pub fn files() -> io::Result<Initramfs> {
    let mut files = Initramfs::new();
    files.program("/bin/busybox", find("busybox")?);
    for name in PROGRAMS {
        files.program(format!("/usr/bin/{name}"), find(name)?);
    }
    let python = find("python3")?;
    let version = python.file_name().unwrap_or_default();
    let library = Path::new("/usr/lib").join(version);
    files.tree(&library, &|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| !UNUSED.iter().any(|unused| name.starts_with(unused)))
    })?;
    files.text(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    );
    files.text("/etc/group", "root:x:0:\nnogroup:x:65534:\n");
    files.text("/etc/shadow", "root:*:19000:0:99999:7:::\n");
    files.text("/etc/hosts", "127.0.0.1 localhost\n");
    Ok(files)
}

fn find(name: &str) -> io::Result<PathBuf> {
    tools::find(name).ok_or_else(|| io::Error::other(format!("{name} is not installed")))
}
