//! The batch as it crosses into a plugin: twins of the records in `detect.wit`.
//!
//! They stand beside the generated ones because their buffers are used again for every call, and
//! because a list of records without padding can be copied as memory, which is several times
//! faster than storing field by field. Rare records are left to the derived way.

use std::mem::{MaybeUninit, offset_of};
use vedette_contract::NONE;
use wasmtime::component::__internal::{InterfaceType, LowerContext};
use wasmtime::component::{ComponentType, Lower};

/// A guest's memory is little-endian: only there are our records what a guest reads.
const _: () = assert!(cfg!(target_endian = "little"));

/// A record of 32-bit and 64-bit numbers, or of records of these, whose fields leave no gap: its
/// memory here and in a guest is the same, which is checked at compile time.
macro_rules! copied_record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(ComponentType, Clone, Copy, Debug)]
        #[component(record)]
        #[repr(C)]
        #[allow(missing_docs, reason = "documented in detect.wit")]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        const _: () = {
            let mut end = 0;
            $(
                assert!(offset_of!($name, $field) == end, "fields stand without a gap");
                end += size_of::<$type>();
            )*
            assert!(end == size_of::<$name>(), "no padding at the end");
            assert!(end == <$name as ComponentType>::SIZE32, "the guest's size is ours");
        };

        // SAFETY: `ComponentType` is derived, so that its sizes are those of the record, and a
        // guest whose record is another does not pass the type check. The assertions above hold
        // the memory of the record to be what the canonical ABI stores for it: numbers of the
        // same size, order and byte order, no padding. Writes go through a slice and are checked.
        unsafe impl Lower for $name {
            fn linear_lower_to_flat<T>(
                &self,
                _: &mut LowerContext<'_, T>,
                _: InterfaceType,
                _: &mut MaybeUninit<Self::Lower>,
            ) -> wasmtime::Result<()> {
                // The contract passes it in lists alone; an error leaves nothing half written.
                Err(wasmtime::Error::msg("a record of a batch is passed in lists only"))
            }

            fn linear_lower_to_memory<T>(
                &self,
                cx: &mut LowerContext<'_, T>,
                ty: InterfaceType,
                offset: usize,
            ) -> wasmtime::Result<()> {
                let item = std::slice::from_ref(self);
                Self::linear_store_list_to_memory(cx, ty, offset, item)
            }

            fn linear_store_list_to_memory<T>(
                cx: &mut LowerContext<'_, T>,
                _: InterfaceType,
                offset: usize,
                items: &[Self],
            ) -> wasmtime::Result<()> {
                // SAFETY: the items are initialised, without padding, and any byte is a u8.
                let bytes = unsafe {
                    std::slice::from_raw_parts(items.as_ptr().cast::<u8>(), size_of_val(items))
                };
                cx.as_slice_mut()[offset..][..bytes.len()].copy_from_slice(bytes);
                Ok(())
            }
        }
    };
}

/// Twin of `span`.
#[derive(ComponentType, Lower, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// Twin of `range`.
#[derive(ComponentType, Lower, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Range {
    pub first: u32,
    pub count: u32,
}

copied_record! {
    /// Twin of `stream`.
    pub struct Stream {
        pub fd: u32,
        pub kind: u32,
        pub marks: u32,
        pub port: u32,
        pub id: u64,
        pub other: u64,
        pub address: Span,
    }
}

/// Twin of `attr`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Attr {
    pub key: u32,
    pub value: u64,
    pub text: Span,
}

/// Twin of `container`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Container {
    pub key: u64,
    pub id: Span,
    pub name: Span,
    pub image: Span,
    pub pod: Span,
    pub namespace: Span,
    pub marks: u32,
    pub attrs: Range,
}

copied_record! {
    /// Twin of `process`.
    pub struct Process {
        pub key: u64,
        pub parent: u32,
        pub container: u32,
        pub pid: u32,
        pub uid: u32,
        pub gid: u32,
        pub marks: u32,
        pub image: u32,
        #[component(name = "args-len")]
        pub args_len: u32,
        pub start: u64,
        pub capabilities: u64,
        pub inode: u64,
        pub device: u64,
        pub exe: Span,
        pub args: Span,
        pub cwd: Span,
        pub comm: Span,
        pub streams: Range,
        pub attrs: Range,
    }
}

copied_record! {
    /// Twin of `event`.
    pub struct Event {
        pub kind: u32,
        pub process: u32,
        pub target: u32,
        pub tid: u32,
        pub ret: i32,
        pub marks: u32,
        pub at: u64,
        pub id: u64,
        pub a: u64,
        pub b: u64,
        pub c: u64,
        pub text: Span,
        pub text2: Span,
        pub attrs: Range,
    }
}

/// Twin of `batch`.
#[derive(ComponentType, Lower, Clone, Debug, Default)]
#[component(record)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Batch {
    pub text: Vec<u8>,
    pub streams: Vec<Stream>,
    pub processes: Vec<Process>,
    pub containers: Vec<Container>,
    pub events: Vec<Event>,
    pub attrs: Vec<Attr>,
}

impl Batch {
    /// Empties it and keeps its buffers.
    pub fn clear(&mut self) {
        self.text.clear();
        self.streams.clear();
        self.processes.clear();
        self.containers.clear();
        self.events.clear();
        self.attrs.clear();
    }

    /// Puts text into the arena.
    pub fn span(&mut self, text: &[u8]) -> Span {
        if text.is_empty() {
            return Span::default();
        }
        let start = self.text.len();
        self.text.extend_from_slice(text);
        // The builder ends a batch long before its arena is 4 GiB long.
        Span {
            start: start as u32,
            len: text.len() as u32,
        }
    }
}

/// The number of a row that is about to be pushed to a table of this length.
pub fn row(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}
