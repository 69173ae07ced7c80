//! Numbers that the running kernel gives to a function and a type, written into the object before
//! it is loaded: aya does not relocate calls of the kernel's functions. Twin of `bpf/cast.h`.

/// What the object holds in the place of each number.
const POSSIBLE: u32 = 0x5643_5430;
const HOLDER: u32 = 0x5643_5431;
const CALL: u32 = 0x5643_5432;

/// Bytes of an instruction. The last four are the number in it.
const INSTRUCTION: usize = 8;
/// `r0 = 0`, in the place of a call that cannot be made.
const NOTHING: [u8; INSTRUCTION] = [0xb7, 0, 0, 0, 0, 0, 0, 0];

/// Numbers in the kernel's type information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cast {
    /// Of the function `bpf_rdonly_cast`.
    pub(crate) function: u32,
    /// Of `struct linux_binprm`, which holds a pointer to a file.
    pub(crate) holder: u32,
}

/// The object with the numbers in it, or without the calls.
pub(crate) fn write(object: &[u8], cast: Option<Cast>) -> Vec<u8> {
    let mut object = object.to_vec();
    for instruction in object.chunks_exact_mut(INSTRUCTION) {
        let (code, number) = instruction.split_at_mut(INSTRUCTION / 2);
        let given = match u32::from_ne_bytes([number[0], number[1], number[2], number[3]]) {
            POSSIBLE => u32::from(cast.is_some()),
            HOLDER => cast.map_or(0, |cast| cast.holder),
            CALL => match cast {
                Some(cast) => cast.function,
                None => {
                    code.copy_from_slice(&NOTHING[..INSTRUCTION / 2]);
                    0
                }
            },
            _ => continue,
        };
        number.copy_from_slice(&given.to_ne_bytes());
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::CORE;

    fn count(object: &[u8], wanted: u32) -> usize {
        let words = object.chunks_exact(INSTRUCTION);
        words
            .filter(|word| word[INSTRUCTION / 2..] == wanted.to_ne_bytes())
            .count()
    }

    #[test]
    fn every_number_is_written() {
        // What nothing in the object has.
        let cast = Cast {
            function: 0x7654_3210,
            holder: 0x7654_3211,
        };
        assert_eq!(count(CORE, cast.function) + count(CORE, cast.holder), 0);
        assert!(count(CORE, POSSIBLE) > 0 && count(CORE, CALL) > 0);
        let written = write(CORE, Some(cast));
        assert_eq!(count(&written, cast.function), count(CORE, CALL));
        assert_eq!(count(&written, cast.holder), count(CORE, HOLDER));
        for number in [POSSIBLE, HOLDER, CALL] {
            assert_eq!(count(&written, number), 0);
            assert_eq!(count(&write(CORE, None), number), 0);
        }
    }

    #[test]
    fn a_call_that_cannot_be_made_is_taken_out() {
        let mut call = [0x85, 0x20, 0, 0, 0, 0, 0, 0];
        call[4..].copy_from_slice(&CALL.to_ne_bytes());
        assert_eq!(write(&call, None), NOTHING);
        let cast = Cast {
            function: 7,
            holder: 9,
        };
        assert_eq!(write(&call, Some(cast))[..5], [0x85, 0x20, 0, 0, 7]);
    }
}
