//! Hostile bytes on their way through the real engine: into what a guest returns, and into the
//! component itself. For tests and for the fuzz targets.

use super::raw::Guest;
use std::path::Path;
use std::sync::Arc;
use vedette::grants::Grants;
use vedette::plugin::batch::Builder;
use vedette::plugin::bindings::vedette::detect::types::Finding;
use vedette::plugin::cache::Cache;
use vedette::plugin::component::Component;
use vedette::plugin::engine;
use vedette::plugin::load::{Generation, Loader};
use vedette::record::Record;
use vedette_sensor::event::{Event, TaskRef};

/// Where the guest's answer lies in its memory: what [`Lifter::judge`] is given begins here.
pub const BASE: u32 = 65_536;
/// Most bytes of an answer: more do not fit between there and the guest's heap.
pub const MAX: usize = 60_000;

/// A guest that answers with the bytes of the event's text.
fn parrot() -> Guest {
    Guest::on_poison(
        "(memory.copy (i32.const 65536)
            (i32.add (local.get 0) (i32.load offset=64 (local.get $event)))
            (i32.load offset=68 (local.get $event)))
         (i32.const 65536)",
    )
}

/// Gives bytes to the engine, again and again.
pub struct Lifter {
    loader: Loader,
    component: Vec<u8>,
    generation: Generation,
}

impl Default for Lifter {
    fn default() -> Lifter {
        let engine = engine::start().expect("an engine");
        let cache = Cache::none(&engine);
        let loader = Loader::new(engine, cache, Grants::default());
        let component = parrot().build();
        let generation = loader
            .load_bytes(Path::new("raw.wasm"), component.clone())
            .expect("the guest is sound");
        Lifter {
            loader,
            component,
            generation,
        }
    }
}

impl Lifter {
    /// What the host makes of an answer that lies in the guest's memory like this.
    pub fn judge(&mut self, answer: &[u8]) -> Option<Vec<Finding>> {
        let answer = &answer[..answer.len().min(MAX)];
        let event = Event {
            kind: 1,
            id: 1,
            at: 1,
            a: 1,
            task: vedette_sensor::event::Task {
                process: TaskRef { pid: 1, start: 1 },
                ..Default::default()
            },
            text: answer.into(),
            ..Event::default()
        };
        let record = Arc::new(Record {
            event,
            process: None,
            target: None,
        });
        let mut builder = Builder::new(&self.generation.compiled.manifest.fields);
        let (batch, _) = builder.build(&[record], |_| {});
        match self.generation.instance.detect(&batch, 1) {
            Ok(findings) => {
                self.generation.instance.commit();
                Some(findings)
            }
            Err(_) => {
                let again = self.component.clone();
                let loaded = self.loader.load_bytes(Path::new("raw.wasm"), again);
                self.generation = loaded.expect("it was loaded before");
                None
            }
        }
    }

    /// The component of the sound guest.
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// A sound component with some of its bytes changed: whether it comes into service, where it
    /// then gets an event.
    pub fn mutate(&mut self, changes: &[(u16, u8)]) -> bool {
        let mut bytes = self.component.clone();
        for (at, byte) in changes {
            let at = usize::from(*at) % bytes.len();
            bytes[at] ^= byte;
        }
        if Component::verify(bytes.clone()).is_err() {
            return false;
        }
        let Ok(generation) = self.loader.load_bytes(Path::new("changed.wasm"), bytes) else {
            return false;
        };
        let sound = std::mem::replace(&mut self.generation, generation);
        // What it answers, and whether it does, is its own affair.
        let _ = self.judge(b"\0\0\0\0\0\0\0\0");
        self.generation = sound;
        true
    }
}
