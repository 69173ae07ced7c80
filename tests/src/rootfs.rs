//! The image of the tests' containers: a small root file system out of the machine's own programs.

use crate::{tools, workspace};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// Programs of the image. Changing the list makes a new image.
const PROGRAMS: &[&str] = &[
    "awk", "base64", "bash", "busybox", "cat", "chmod", "cp", "dd", "env", "gawk", "head", "id",
    "ls", "mkdir", "mkfifo", "mknod", "mount", "nc", "nsenter", "openssl", "perl", "python3", "rm",
    "runc", "script", "sed", "setpriv", "setsid", "sh", "sleep", "socat", "stty", "tail", "tar",
    "tee", "timeout", "touch", "umount", "unshare", "zsh",
];

/// What those programs load at run time.
const DIRECTORIES: &[&str] = &[
    "/usr/lib/python3.11/collections",
    "/usr/lib/python3.11/encodings",
    "/usr/lib/python3.11/importlib",
    "/usr/lib/python3.11/json",
    "/usr/lib/python3.11/lib-dynload",
    "/usr/lib/python3.11/re",
    "/usr/lib/x86_64-linux-gnu/perl-base",
    "/usr/lib/x86_64-linux-gnu/zsh",
    "/usr/lib/ssl",
];

/// The image's directory, built on first use.
///
/// # Panics
/// Where a file of the machine cannot be copied.
pub fn rootfs() -> PathBuf {
    let _lock = workspace::locked("rootfs.lock");
    let home = workspace::cache().join("rootfs");
    let key = format!("{PROGRAMS:?} {DIRECTORIES:?}");
    let stamp = home.with_extension("key");
    if home.exists() && fs::read_to_string(&stamp).is_ok_and(|built| built == key) {
        return home;
    }
    let part = home.with_extension("part");
    for old in [&home, &part] {
        if old.exists() {
            fs::remove_dir_all(old).expect("an old image can be removed");
        }
    }
    build(&part).unwrap_or_else(|error| panic!("the containers' image cannot be built: {error}"));
    fs::rename(&part, &home).expect("both lie in one directory");
    fs::write(&stamp, key).expect("the target directory is writable");
    home
}

fn build(root: &Path) -> std::io::Result<()> {
    for directory in [
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "etc",
        "proc",
        "sys",
        "dev",
        "tmp",
        "run",
        "root",
        "opt",
        "mnt",
    ] {
        fs::create_dir_all(root.join(directory))?;
    }
    for merged in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{merged}"), root.join(merged))?;
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n")?;

    let mut libraries = BTreeSet::new();
    for name in PROGRAMS {
        let Some(program) = tools::find(name) else {
            continue;
        };
        let below = Path::new("usr/bin").join(program.file_name().expect("a program has a name"));
        fs::copy(&program, root.join(&below))?;
        let link = root.join("usr/bin").join(name);
        if !link.exists() {
            symlink(below.file_name().expect("a program has a name"), link)?;
        }
        libraries.extend(needed(&program)?);
    }
    for directory in DIRECTORIES {
        copy_tree(Path::new(directory), root, &mut libraries)?;
    }
    // The modules of the standard library that are files of their own.
    for entry in fs::read_dir("/usr/lib/python3.11").into_iter().flatten() {
        let path = entry?.path();
        if path.is_file() {
            copy_into(&path, root)?;
        }
    }
    for library in libraries {
        let real = fs::canonicalize(&library)?;
        let below = library.strip_prefix("/").unwrap_or(&library);
        let to = root.join(below);
        fs::create_dir_all(to.parent().expect("a library lies in a directory"))?;
        fs::copy(real, to)?;
    }
    Ok(())
}

/// Shared libraries of a program or library, its loader included.
fn needed(file: &Path) -> std::io::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(file).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let paths = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(PathBuf::from).collect())
}

fn copy_tree(from: &Path, root: &Path, libraries: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(from).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            copy_tree(&path, root, libraries)?;
        } else if path.is_file() {
            copy_into(&path, root)?;
            if path.extension().is_some_and(|extension| extension == "so") {
                libraries.extend(needed(&path)?);
            }
        }
    }
    Ok(())
}

fn copy_into(path: &Path, root: &Path) -> std::io::Result<()> {
    let to = root.join(path.strip_prefix("/").unwrap_or(path));
    fs::create_dir_all(to.parent().expect("a file lies in a directory"))?;
    fs::copy(path, to)?;
    Ok(())
}
