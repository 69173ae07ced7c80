//! Components come from strangers: the gate judges any bytes, and ends. What begins with an odd
//! byte gets a component's head first, so that not every input dies at it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vedette::plugin::{build::with_manifest, component::{Component, anatomy}, inspect::inspect_bytes};

const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
const MANIFEST: &str = "[plugin]\nid = \"p\"\nversion = \"1\"\ntitle = \"t\"\ndescription = \"d\"\n\
    contract = \"0.1.0\"\n[[subscribe]]\nkind = \"exec\"\n";

fuzz_target!(|bytes: &[u8]| {
    let bytes = match bytes.split_first() {
        Some((first, rest)) if first & 3 == 1 => [HEAD, rest].concat(),
        Some((first, rest)) if first & 3 == 3 => with_manifest([HEAD, rest].concat(), MANIFEST),
        _ => bytes.to_vec(),
    };
    if let Ok(component) = Component::verify(bytes.clone()) {
        assert!(component.anatomy.has_export("detector"));
        assert_eq!(component.anatomy.signed, component.publisher.is_some());
        // What is compiled is what was judged, or no component at all.
        if let Ok(compiled) = anatomy(component.code()) {
            assert_eq!(compiled.imports, component.anatomy.imports);
            assert_eq!(compiled.exports, component.anatomy.exports);
        }
    }
    if let Ok(inspection) = inspect_bytes(bytes) {
        assert!(!inspection.text().contains('\u{1b}'));
    }
});
