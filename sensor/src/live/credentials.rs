//! At which system calls the kernel side compares the caller's credentials with what it remembers
//! of them. Twin of `struct careful` in `bpf/credentials.h`.

use super::{
    SensorError,
    object::Object,
    syscalls::{Calls, HANDLERS},
};
use aya::maps::Array;
use vedette_contract::{Kind, Lane, kind};

/// Kinds whose calls are too frequent for it, or change credentials themselves.
const NOT: &[u16] = &[
    kind::DUP,
    kind::FILE_FLAGS,
    kind::CREDENTIALS,
    kind::SETNS,
    kind::UNSHARE,
];

/// The calls that tell of nothing but rare kinds of the security lane.
fn careful() -> Calls {
    let mut calls = Calls::default();
    let rare = |kind: &u16| {
        Kind::by_number(*kind).is_some_and(|k| k.lane == Lane::Security) && !NOT.contains(kind)
    };
    for handler in HANDLERS.iter().filter(|h| h.kinds.iter().all(rare)) {
        for call in handler.calls {
            calls[*call as usize >> 6] |= 1 << (call & 63);
        }
    }
    calls
}

/// Tells the kernel side.
pub(super) fn apply(object: &mut Object) -> Result<(), SensorError> {
    let mut map: Array<_, Calls> = object.map_mut(".data.careful")?;
    map.set(0, careful(), 0)
        .map_err(|source| SensorError::map(".data.careful", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_calls_are_left_alone() {
        let calls = careful();
        let has = |call: i64| calls[call as usize >> 6] >> (call & 63) & 1 == 1;
        assert!(has(libc::SYS_ptrace) && has(libc::SYS_connect) && has(libc::SYS_bpf));
        for call in [
            libc::SYS_openat,
            libc::SYS_fcntl,
            libc::SYS_ioctl,
            libc::SYS_setuid,
            libc::SYS_unshare,
            libc::SYS_mmap,
        ] {
            assert!(!has(call), "{call}");
        }
    }
}
