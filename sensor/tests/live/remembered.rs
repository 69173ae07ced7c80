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
    /// Alters what is remembered of the first thread of a process.
    #[track_caller]
    pub fn alter(pid: u32, how: impl Fn(&mut Remembered)) {
        let (map, size) = map();
        let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
        let task = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let key = task.as_raw_fd();
        let mut value = Remembered(vec![0; size]);
        element(BPF_MAP_LOOKUP_ELEM, map, &key, &mut value.0);
        how(&mut value);
        element(BPF_MAP_UPDATE_ELEM, map, &key, &mut value.0);
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

/// The sensor's map, by its name among this process's own descriptors, and the size of its values.
#[track_caller]
fn map() -> (RawFd, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    for entry in descriptors.flatten() {
        let info = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u32>().ok()
        };
        let size = field("value_size:");
        if field("map_type:") == Some(TASK_STORAGE) && size.is_some_and(|s| s > 128) {
            let fd = entry.file_name().to_str().unwrap().parse().unwrap();
            return (fd, size.unwrap() as usize);
        }
    }
    panic!("the sensor has no map of what it remembers of tasks")
}

/// Reads or writes one element of a map.
#[track_caller]
fn element(command: i64, map: RawFd, key: &RawFd, value: &mut [u8]) {
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
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}
