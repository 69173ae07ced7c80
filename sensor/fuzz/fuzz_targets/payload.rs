//! The first bytes of a flow are an attacker's: whatever they are, the readers of DNS and TLS end,
//! do not panic, and what they give fits the protocol's own bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vedette_sensor::payload::{dns, tls};

fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = dns::read(bytes) {
        assert!(message.name.len() <= 255 && message.addresses.len() <= 16);
        assert!(message.addresses.iter().all(|a| [4, 16].contains(&a.len())));
        assert!(message.is_answer || message.addresses.is_empty());
    }
    let read = tls::read(bytes);
    if let tls::Beginning::Hello(hello) = &read {
        assert!(hello.server_name.len() <= 255 && hello.protocols.len() <= 256);
        // More of the stream does not change what was said.
        let more = [bytes, &[0; 8]].concat();
        assert_eq!(tls::read(&more), read);
    }
});
