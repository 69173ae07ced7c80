use super::content::Scanner;
use super::*;
use crate::device::kernel_device;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use vedette_contract::values::image_class::*;

/// Real files and the Debian package that each is in.
const FILES: &[(u32, &str, &str)] = &[
    (SHELL, "/bin/bash", "bash"),
    (SHELL, "/bin/dash", "dash"),
    (SHELL, "/bin/bash-static", "bash-static"),
    (SHELL, "/bin/zsh", "zsh"),
    (SHELL, "/bin/zsh-static", "zsh-static"),
    (SHELL, "/bin/ksh93", "ksh93u+m"),
    (SHELL, "/bin/mksh", "mksh"),
    (SHELL, "/bin/mksh-static", "mksh"),
    (SHELL, "/bin/posh", "posh"),
    (SHELL, "/usr/bin/yash", "yash"),
    (SHELL, "/usr/bin/fish", "fish"),
    (SHELL, "/usr/bin/tcsh", "tcsh"),
    (SHELL, "/usr/bin/bsd-csh", "csh"),
    (SHELL, "/usr/bin/rc", "rc"),
    (SHELL, "/bin/sash", "sash"),
    (SHELL, "/usr/bin/elvish", "elvish"),
    (MULTICALL_SHELL, "/bin/busybox", "busybox-static"),
    (INTERPRETER, "/usr/bin/perl", "perl-base"),
    (INTERPRETER, "/usr/bin/python3", "python3-minimal"),
    (INTERPRETER, "/usr/bin/ruby", "ruby"),
    (INTERPRETER, "/usr/bin/lua5.4", "lua5.4"),
    (INTERPRETER, "/usr/bin/luajit", "luajit"),
    (INTERPRETER, "/usr/bin/php", "php-cli"),
    (INTERPRETER, "/usr/bin/tclsh", "tcl"),
    (INTERPRETER, "/usr/bin/expect", "expect"),
    (INTERPRETER, "/usr/bin/node", "nodejs"),
    // Their program is an argument, and they read data from standard input.
    (OTHER, "/usr/bin/mawk", "mawk"),
    (OTHER, "/usr/bin/gawk", "gawk"),
    (OTHER, "/usr/bin/original-awk", "original-awk"),
    // Applets without a shell among them.
    (OTHER, "/usr/bin/toybox", "toybox"),
    (OTHER, "/usr/bin/vim.basic", "vim"),
    (OTHER, "/usr/bin/gcc", "gcc"),
    (OTHER, "/usr/bin/make", "make"),
    (OTHER, "/usr/bin/git", "git"),
    (OTHER, "/usr/bin/ssh", "openssh-client"),
    (OTHER, "/usr/sbin/sshd", "openssh-server"),
    (OTHER, "/usr/bin/nc", "netcat-openbsd"),
    (OTHER, "/usr/bin/socat", "socat"),
    (OTHER, "/usr/bin/openssl", "openssl"),
    (OTHER, "/usr/bin/cat", "coreutils"),
    (OTHER, "/usr/bin/tar", "tar"),
    (OTHER, "/usr/bin/tmux", "tmux"),
    (OTHER, "/usr/bin/screen", "screen"),
    (OTHER, "/usr/bin/script", "bsdutils"),
    (OTHER, "/usr/bin/curl", "curl"),
    (OTHER, "/usr/bin/apt", "apt"),
    (OTHER, "/usr/bin/dpkg", "dpkg"),
    (OTHER, "/usr/bin/gdb", "gdb"),
];

#[test]
fn real_files_are_what_they_are() {
    let mut scanner = Scanner::new();
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for (class, path, package) in FILES {
        match File::open(path) {
            Ok(file) => {
                let found = scanner.classify(&file).unwrap();
                if found != *class {
                    wrong.push(format!("{path}: {found}, not {class}"));
                }
            }
            Err(_) => missing.push(*package),
        }
    }
    assert!(
        missing.is_empty(),
        "this test needs: apt-get install {}",
        missing.join(" ")
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn compilers_are_no_shells() {
    let mut scanner = Scanner::new();
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).unwrap().trim());
    let cc1 = Command::new("gcc")
        .arg("-print-prog-name=cc1")
        .output()
        .unwrap();
    let cc1 = PathBuf::from(String::from_utf8(cc1.stdout).unwrap().trim());
    for path in [sysroot.join("bin/rustc"), sysroot.join("bin/cargo"), cc1] {
        let class = scanner.classify(&File::open(&path).unwrap()).unwrap();
        // The largest of them is read in part only.
        assert!(
            class == OTHER || class == UNKNOWN,
            "{}: {class}",
            path.display()
        );
    }
}

#[test]
fn a_strip_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut scanner = Scanner::new();
    for (class, path, _) in FILES.iter().filter(|(class, ..)| *class != OTHER) {
        let copy = dir.path().join("innocent");
        let strip = [
            "--strip-all",
            "-R",
            ".comment",
            "-R",
            ".note.gnu.build-id",
            "-o",
        ];
        let status = Command::new("strip")
            .args(strip)
            .arg(&copy)
            .arg(path)
            .status()
            .unwrap();
        assert!(status.success(), "strip {path}");
        let found = scanner.classify(&File::open(&copy).unwrap()).unwrap();
        assert_eq!(found, *class, "{path} stripped");
    }
}

#[test]
fn anything_may_be_in_a_file() {
    let mut scanner = Scanner::new();
    let mut file = tempfile::tempfile().unwrap();
    assert_eq!(scanner.classify(&file), Some(OTHER));
    file.write_all(b"\x7fELF\x02\x01\x01").unwrap();
    assert_eq!(scanner.classify(&file), Some(OTHER));
    // Headers that point behind the end, or far behind it.
    let mut elf = fs::read("/bin/true").unwrap();
    elf[32..40].fill(0xff);
    let file = tempfile::tempfile().unwrap();
    (&file).write_all(&elf).unwrap();
    assert_eq!(scanner.classify(&file), Some(OTHER));
    // Larger than what is read, and nothing found: not known, rather than other.
    let file = tempfile::tempfile().unwrap();
    file.set_len(100 << 20).unwrap();
    assert_eq!(scanner.classify(&file), Some(UNKNOWN));
}

#[test]
fn words_alone_make_no_shell() {
    let mut scanner = Scanner::new();
    let mut class = |text: &[u8]| {
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(text).unwrap();
        scanner.classify(&file).unwrap()
    };
    assert_eq!(class(b"\0esac\0elif\0getopts\0"), SHELL);
    assert_eq!(
        class(b"\0esac\0elif\0fi\0then\0"),
        OTHER,
        "a table of words to colour"
    );
    assert_eq!(
        class(b"case x in y) ;; esac; elif getopts\n"),
        OTHER,
        "a script"
    );
    assert_eq!(class(b"\0xesac\0elif\0getopts\0"), OTHER);
    // A sign that lies across two steps of reading.
    for lead in (128 << 10) - 12..(128 << 10) + 2 {
        let text = [&vec![b'.'; lead][..], b"\0esac\0elif\0getopts\0"].concat();
        assert_eq!(class(&text), SHELL, "after {lead} bytes");
    }
}

const COPY_SIZE: u64 = 2 << 20;

/// A child that runs a copy of a program under another name until its input ends.
struct Copy {
    child: Child,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Copy {
    fn run(of: &str, args: &[&str]) -> Copy {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("innocent");
        fs::copy(of, &path).unwrap();
        // All copies have one size, so that one can take another's place unseen.
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(COPY_SIZE)
            .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let child = start(&path, args);
        Copy {
            child,
            path,
            _dir: dir,
        }
    }

    fn ids(&self) -> (u64, u64) {
        ids(&format!("/proc/{}/exe", self.child.id()))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ids(path: &str) -> (u64, u64) {
    let meta = fs::metadata(path).unwrap();
    (kernel_device(meta.dev()), meta.ino())
}

fn start(path: &Path, args: &[&str]) -> Child {
    // A fork in another test may hold the copy open for writing for a moment.
    for _ in 0..100 {
        let mut command = Command::new(path);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        match command.spawn() {
            Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            child => return child.unwrap(),
        }
    }
    panic!("{} stays busy", path.display());
}

#[test]
fn a_running_copy_is_known_even_deleted() {
    let mut classifier = Classifier::new();
    let copy = Copy::run("/bin/bash", &["-c", "read x"]);
    let (device, inode) = copy.ids();
    fs::remove_file(&copy.path).unwrap();
    for _ in 0..2 {
        assert_eq!(
            classifier.classify(copy.child.id(), b"/x", device, inode),
            SHELL
        );
    }
    let counters = classifier.counters();
    assert_eq!((counters.reads, counters.hits), (1, 1));
    drop(copy);
    assert_eq!(classifier.known(device, inode), Some(SHELL));
    assert_eq!(classifier.known(device, inode + 1), None);
    assert_eq!(
        classifier.classify(u32::MAX, b"/x", device, inode),
        SHELL,
        "gone, but known"
    );
    assert_eq!(
        classifier.classify(u32::MAX, b"/x", device, inode + 1),
        UNKNOWN
    );
}

#[test]
fn a_rewritten_file_is_read_again() {
    let mut classifier = Classifier::new();
    let mut copy = Copy::run("/bin/cat", &[]);
    let (device, inode) = copy.ids();
    assert_eq!(
        classifier.classify(copy.child.id(), b"", device, inode),
        OTHER
    );
    copy.child.kill().unwrap();
    copy.child.wait().unwrap();
    let before = fs::metadata(&copy.path).unwrap();
    // The same inode, and the modification time set back.
    fs::write(&copy.path, fs::read("/bin/dash").unwrap()).unwrap();
    let file = File::options().write(true).open(&copy.path).unwrap();
    file.set_len(COPY_SIZE).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    drop(file);
    copy.child = start(&copy.path, &["-c", "read x"]);
    assert_eq!(copy.ids(), (device, inode));
    assert_eq!(
        classifier.classify(copy.child.id(), b"", device, inode),
        SHELL
    );
}

#[test]
fn a_process_that_went_on_to_another_image_does_not_mislead() {
    let mut classifier = Classifier::new();
    let copy = Copy::run("/bin/cat", &[]);
    let (device, inode) = ids("/bin/bash");
    let bash = fs::canonicalize("/bin/bash")
        .unwrap()
        .into_os_string()
        .into_encoded_bytes();
    // The process executes cat by now; the event was about bash.
    let class = classifier.classify(copy.child.id(), &bash, device, inode);
    assert_eq!(class, SHELL);
    let class = classifier.classify(copy.child.id(), b"/gone", device, inode + 7);
    assert_eq!(class, UNKNOWN);
}

#[test]
fn an_image_in_memory_is_read() {
    let mut memory =
        File::from(rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).unwrap());
    memory.write_all(&fs::read("/bin/dash").unwrap()).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&memory);
    let path = format!("/proc/self/fd/{fd}");
    // A file that is open for writing cannot be executed, so the child gets a read-only one.
    let reopened = File::open(&path).unwrap();
    drop(memory);
    let fd = std::os::fd::AsRawFd::as_raw_fd(&reopened);
    let path = format!("/proc/{}/fd/{fd}", std::process::id());
    let mut child = start(Path::new(&path), &["-c", "echo up; read x"]);
    let mut up = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
    let (device, inode) = ids(&format!("/proc/{}/exe", child.id()));
    let mut classifier = Classifier::new();
    assert!(classifier.is_memory(device));
    let class = classifier.classify(child.id(), b"memfd:x", device, inode);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(class, SHELL);
}

#[test]
fn the_cache_is_bounded() {
    let mut classifier = Classifier::new();
    let image = file::Opened::executed_by(std::process::id())
        .unwrap()
        .fingerprint;
    for inode in 0..2 * CACHE_MAX as u64 {
        classifier.remember((1, inode), image, OTHER);
    }
    assert_eq!(classifier.known.len(), CACHE_MAX);
    assert_eq!(classifier.counters().evicted, CACHE_MAX as u64);
    assert_eq!(classifier.known(1, 0), None);
}
