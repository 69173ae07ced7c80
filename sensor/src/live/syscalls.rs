//! Which system calls tell of which kinds of event, and which program looks at them.

use crate::filter::KindSet;

/// A program that runs on the exit of some system calls.
pub(super) struct Handler {
    /// Name of the program in the object.
    pub program: &'static str,
    /// The kinds that it can tell of.
    pub kinds: &'static [u16],
    /// Numbers of the calls.
    pub calls: &'static [i64],
    /// Their numbers in the 32-bit table that the kernel may serve beside the machine's own.
    pub compat: &'static [i64],
}

/// Every handler.
pub(super) static HANDLERS: &[Handler] = &[];

/// Bit set over the numbers of system calls, as the dispatcher reads it.
pub(super) type Calls = [u64; 8];

/// The system calls that the dispatcher must look at for these kinds: by the machine's own
/// numbers and by those of the 32-bit table.
pub(super) fn calls_for(kinds: KindSet) -> (Calls, Calls) {
    let (mut own, mut compat) = (Calls::default(), Calls::default());
    for handler in HANDLERS {
        if handler.kinds.iter().any(|kind| kinds.has(*kind)) {
            for (set, calls) in [(&mut own, handler.calls), (&mut compat, handler.compat)] {
                for call in calls {
                    set[*call as usize >> 6] |= 1 << (call & 63);
                }
            }
        }
    }
    (own, compat)
}
