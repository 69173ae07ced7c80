//! The streams of a process, as rows share them.

use std::sync::Arc;
use vedette_sensor::event::Stream;

/// The streams with one of them replaced.
pub fn replaced(streams: &[Stream], by: &Stream) -> Arc<[Stream]> {
    let mut all: Vec<Stream> = streams.iter().filter(|s| s.fd != by.fd).cloned().collect();
    all.push(by.clone());
    all.sort_by_key(|s| s.fd);
    all.into()
}
