//! What the kernel side remembers of a task (`struct remembered` in `bpf/maps.h`), altered from
//! outside: for its programs the task is then another than it was when they last looked, with
//! nothing between that explains it, as after an exploit of the kernel.

use std::os::fd::{AsRawFd, RawFd};

const BPF_MAP_LOOKUP_ELEM: i64 = 1;
const BPF_MAP_UPDATE_ELEM: i64 = 2;
const TASK_STORAGE: u32 = 29;
/// Where the credentials begin: behind the bytes of the nsproxy.
const CREDENTIALS: usize = 128;

pub struct Remembered(Vec<u8>);

impl Remembered {
    /// Alters what is remembered of the first thread of a process, by every sensor of this one.
    #[track_caller]
    pub fn alter(pid: u32, how: impl Fn(&mut Remembered)) {
        let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
        let task = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let key = task.as_raw_fd();
        let mut altered = 0;
        for (map, size) in maps() {
            let mut value = Remembered(vec![0; size]);
            if element(BPF_MAP_LOOKUP_ELEM, map, &key, &mut value.0).is_ok() {
                how(&mut value);
                element(BPF_MAP_UPDATE_ELEM, map, &key, &mut value.0).unwrap();
                altered += 1;
            }
        }
        assert!(altered > 0, "no sensor remembers the process");
    }

    /// Real, saved and effective user.
    pub fn set_users(&mut self, id: u32) {
        for field in [0, 2, 4] {
            self.put(field * 4, &id.to_ne_bytes());
        }
    }

    /// Real, saved and effective group.
    pub fn set_groups(&mut self, id: u32) {
        for field in [1, 3, 5] {
            self.put(field * 4, &id.to_ne_bytes());
        }
    }

    /// Permitted and effective capabilities.
    pub fn set_capabilities(&mut self, bits: u64) {
        for field in [1, 2] {
            self.put(24 + field * 8, &bits.to_ne_bytes());
        }
    }

    /// The capabilities that executing a file can give.
    pub fn set_bounding(&mut self, bits: u64) {
        self.put(24 + 3 * 8, &bits.to_ne_bytes());
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let at = CREDENTIALS + at;
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// The sensors' maps, by their form among this process's own descriptors, and the size of their
/// values.
fn maps() -> Vec<(RawFd, usize)> {
    let descriptors = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    let map = |entry: std::fs::DirEntry| {
        let info = std::fs::read_to_string(entry.path()).ok()?;
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u32>().ok()
        };
        let size = field("value_size:").filter(|size| *size > 128)?;
        (field("map_type:") == Some(TASK_STORAGE)).then_some(())?;
        Some((entry.file_name().to_str()?.parse().ok()?, size as usize))
    };
    descriptors.flatten().filter_map(map).collect()
}

/// Reads or writes one element of a map.
fn element(command: i64, map: RawFd, key: &RawFd, value: &mut [u8]) -> std::io::Result<()> {
    #[repr(C)]
    struct Attributes {
        map: u64,
        key: u64,
        value: u64,
        flags: u64,
    }
    let attributes = Attributes {
        map: map as u64,
        key: std::ptr::from_ref(key) as u64,
        value: value.as_mut_ptr() as u64,
        flags: 0,
    };
    // SAFETY: the attributes are those of the two commands; key and value live through the call
    // and are of the map's sizes.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(&attributes),
            size_of::<Attributes>(),
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
