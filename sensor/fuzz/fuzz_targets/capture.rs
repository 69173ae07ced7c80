//! A capture is passed around as a file: whatever is in it, the reader ends and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use vedette_sensor::capture::Reader;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut reader) = Reader::new(Cursor::new(bytes)) {
        let blocks = reader.blocks().expect("memory can be read");
        assert!(blocks.len() <= bytes.len());
        for item in reader {
            drop(item);
        }
    }
});
