//! Records come from the kernel through shared memory: whatever is in them, the decoder ends, does
//! not panic and takes no more than there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vedette_sensor::decode::{decode, kind_of};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = decode(bytes) {
        assert_eq!(kind_of(bytes), Some(event.kind));
        assert!(event.text.len() + event.text2.len() <= bytes.len());
    }
});
