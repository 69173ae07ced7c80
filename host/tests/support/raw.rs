//! Guests written as WebAssembly text: what no compiler and no SDK would make.

use vedette::plugin::build::with_manifest;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The parts of a guest. What is not given does its work honestly.
#[derive(Debug, Clone, Default)]
pub struct Guest {
    /// Services that it imports, as they stand in its manifest.
    pub services: &'static str,
    /// Its imports.
    pub imports: &'static str,
    /// Its memory.
    pub memory: Option<&'static str>,
    /// Further items: tables, globals, functions, a start function.
    pub items: &'static str,
    /// Body of `init`, which returns where its result lies; 16 is "fine".
    pub init: Option<&'static str>,
    /// What `cabi_realloc` answers, or does, when it is asked for 40,000 bytes or more: those of
    /// the poisonous event's text.
    pub lie: Option<&'static str>,
    /// Body of `detect`. Its result is where a list of findings lies; 16 is an empty one.
    /// `$event` is where the poisonous event lies.
    pub detect: &'static str,
}

/// An allocator that never frees and asks for more memory when it needs it. `detect` begins with
/// taking everything back.
const REALLOC: &str = "
    (local.set $at (i32.and (i32.add (global.get $top) (i32.sub (local.get 2) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get 2))))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (block $enough (loop $more
        (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
        unreachable))
    (local.get $at)";

/// Bytes of the contract's record `event`; its slot `a` lies at 40, where poison is not zero.
const LOOK_FOR_POISON: &str = "
    (block $none (loop $next
        (br_if $none (i32.ge_u (local.get $i) (local.get 9)))
        (local.set $event (i32.add (local.get 8) (i32.mul (local.get $i) (i32.const 88))))
        (br_if $poison (i64.ne (i64.load offset=40 (local.get $event)) (i64.const 0)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))";

impl Guest {
    /// A guest that does this for an event whose slot `a` is not zero, and nothing for others.
    pub fn on_poison(detect: &'static str) -> Guest {
        Guest {
            detect,
            ..Guest::default()
        }
    }

    /// A guest that does nothing.
    pub fn idle() -> Guest {
        Guest::on_poison("(i32.const 16)")
    }

    /// Its text.
    pub fn text(&self) -> String {
        format!(
            r#"(module
  {imports}
  {memory}
  (global $top (mut i32) (i32.const 131072))
  {items}
  (data (i32.const 1024) "harm")
  (data (i32.const 1040) "poison")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) {lie} {REALLOC})
  (func (export "vedette:detect/detector@0.1.0#init") (param i32 i32) (result i32) {init})
  (func (export "vedette:detect/detector@0.1.0#detect")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $i i32) (local $event i32)
    (global.set $top (i32.const 131072))
    (block $poison {LOOK_FOR_POISON} (return (i32.const 16)))
    {detect}))"#,
            imports = self.imports,
            memory = self.memory.unwrap_or(r#"(memory (export "memory") 4)"#),
            items = self.items,
            lie = self.lie.map_or(String::new(), |lie| format!(
                "(if (i32.ge_u (local.get 3) (i32.const 40000)) (then (return (block (result i32) {lie}))))"
            )),
            init = self.init.unwrap_or("(i32.const 16)"),
            detect = self.detect,
        )
    }

    /// The component.
    pub fn build(&self) -> Vec<u8> {
        self.build_with(|contract| contract)
    }

    /// The component, of a contract that was changed.
    pub fn build_with(&self, change: impl Fn(String) -> String) -> Vec<u8> {
        let mut module = wat::parse_str(self.text()).unwrap_or_else(|e| panic!("{e}"));
        let mut resolve = Resolve::default();
        let contract = change(include_str!("../../../wit/detect.wit").to_owned());
        let package = resolve
            .push_str("detect.wit", &contract)
            .expect("the contract parses");
        let world = resolve
            .select_world(&[package], Some("plugin"))
            .expect("the world is there");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the metadata fits in");
        let component = ComponentEncoder::default()
            .module(&module)
            .and_then(|encoder| encoder.validate(true).encode())
            .unwrap_or_else(|e| panic!("{e:?}\n{}", self.text()));
        with_manifest(component, &self.manifest())
    }

    fn manifest(&self) -> String {
        format!(
            r#"[plugin]
id = "raw"
version = "1.0.0"
title = "Raw"
description = "Written by hand, to do harm."
contract = "0.1.0"
[[subscribe]]
kind = "exec"
[capabilities]
services = [{}]
[limits]
memory = "4 MiB"
deadline = "50 ms"
[[finding]]
id = "harm"
title = "Harm"
category = "execution"
severity = "low"
"#,
            self.services
        )
    }
}
