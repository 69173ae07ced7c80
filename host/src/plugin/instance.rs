//! One running instance of a plugin: its store, its memory, its calls.

use super::{
    bindings::vedette::detect::types::Finding,
    budget::Spent,
    component::interface,
    engine::{Term, epochs},
    services::{Known, Line, Services, Shared},
    wire::Batch,
};
use crate::{
    context::process::Process,
    manifest::{MAX_OUTPUT, Manifest},
    record::Record,
};
use std::{sync::Arc, time::Duration};
use wasmtime::{
    Store, Trap, UpdateDeadline,
    component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, TypedFunc},
};

/// Time for the first start: a large interpreter sets itself up in it.
const START_DEADLINE: Duration = Duration::from_secs(5);
/// Most bytes of a snapshot: what a plugin with the largest memory can remember at most.
const MAX_SNAPSHOT: usize = 64 << 20;

/// A call ended without an answer; the instance is dead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Abort {
    /// It ran for longer than it may: on a processor, or waiting for one without end.
    #[error("it ran for longer than {} ms", .0.as_millis())]
    Deadline(Duration),
    /// It wanted more memory, or tables, than it may have.
    #[error("{0}")]
    Limit(String),
    /// It trapped.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It returned what no plugin may return.
    #[error("its answer was refused: {0}")]
    Answer(String),
}

/// A call that was aborted, and the last error that the guest has logged in it: often it says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aborted {
    /// What ended it.
    pub abort: Abort,
    /// The line.
    pub logged: Option<String>,
}

impl std::fmt::Display for Aborted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.abort)?;
        match &self.logged {
            Some(line) => write!(f, "; its last error: {line}"),
            None => Ok(()),
        }
    }
}

/// An instance could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could not be instantiated.
    #[error("it does not start: {0}")]
    Instantiate(String),
    /// It does not export what it should, as it should.
    #[error("its export {0} is not that of the contract; rebuild it against this agent's contract")]
    Export(&'static str),
    /// Its `init` did not return.
    #[error("its init failed: {0}")]
    Init(Abort),
    /// Its `init` refused.
    #[error("its init refused: {0}; look at [config] in its manifest")]
    Refused(String),
}

type Detect = TypedFunc<(Arc<Batch>,), (Vec<Finding>,)>;
/// A function that may refuse, with its reason.
type Fallible<P> = TypedFunc<P, (Result<(), String>,)>;

/// The optional exports with which a generation hands over what it remembers.
#[derive(Clone, Copy)]
struct Snapshot {
    schema: TypedFunc<(), (u32,)>,
    save: TypedFunc<(), (Vec<u8>,)>,
    restore: Fallible<(u32, Arc<Vec<u8>>)>,
}

/// What one generation hands to the next.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Number of the form of the bytes.
    pub schema: u32,
    /// The bytes; they are kept for a rollback too.
    pub data: Arc<Vec<u8>>,
}

/// A running instance.
pub struct Instance {
    store: Store<Services>,
    detect: Detect,
    snapshot: Option<Snapshot>,
    deadline: Duration,
    /// Most bytes that one call may hand to the host, but for a snapshot.
    output: usize,
    /// What the last call took.
    spent: Spent,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Makes an instance and calls its `init`. What it writes to its state there takes effect
    /// with the first [`commit`](Instance::commit).
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        pre: &InstancePre<Services>,
        manifest: &Manifest,
        kept: Shared,
    ) -> Result<Instance, StartError> {
        let services = Services::new(kept, manifest);
        let output = manifest.limits.output.min(MAX_OUTPUT) as usize;
        let mut store = Store::new(pre.engine(), services);
        store.limiter(|services| services);
        store.set_hostcall_fuel(output);
        store.epoch_deadline_callback(|context| {
            Ok(match context.data().term.epochs() {
                Some(more) => UpdateDeadline::Continue(more),
                None => UpdateDeadline::Interrupt,
            })
        });
        begin(&mut store, START_DEADLINE);
        let instance = pre
            .instantiate(&mut store)
            .map_err(|e| StartError::Instantiate(abort(&e, START_DEADLINE).to_string()))?;

        let detector = instance
            .get_export_index(&mut store, None, &interface("detector"))
            .ok_or(StartError::Export("detector"))?;
        let mut exports = Exports {
            instance,
            store: &mut store,
        };
        let init: Fallible<(String,)> = exports.func(&detector, "init")?;
        let detect: Detect = exports.func(&detector, "detect")?;
        let snapshot = exports
            .instance
            .get_export_index(&mut *exports.store, None, &interface("snapshot"))
            .map(|snapshot| {
                Ok(Snapshot {
                    schema: exports.func(&snapshot, "schema")?,
                    save: exports.func(&snapshot, "save")?,
                    restore: exports.func(&snapshot, "restore")?,
                })
            })
            .transpose()?;

        let mut instance = Instance {
            spent: store.data().term.spent(),
            store,
            detect,
            snapshot,
            deadline: manifest.limits.deadline,
            output,
        };
        let config = manifest.config.values.to_string();
        let (answer,) = instance
            .call(&init, (config,), START_DEADLINE)
            .map_err(StartError::Init)?;
        answer.map_err(|reason| StartError::Refused(cut(reason)))?;
        Ok(instance)
    }

    /// Gives the plugin a batch about which it asks nothing. `at` is the time of an event in it:
    /// all are of one step of the clock. Nothing of the call is effective before
    /// [`commit`](Instance::commit).
    ///
    /// # Errors
    /// The call ended without an answer: the instance is dead.
    pub fn detect(&mut self, batch: &Arc<Batch>, at: u64) -> Result<Vec<Finding>, Abort> {
        self.detect_as_of(batch, &[], &Known::default(), at)
    }

    /// Gives the plugin a batch of these records, with what it may ask about them. `at` is the
    /// time of one of them: all are of one step of the clock. Nothing of the call is effective
    /// before [`commit`](Instance::commit).
    ///
    /// # Errors
    /// The call ended without an answer: the instance is dead.
    pub fn detect_as_of(
        &mut self,
        batch: &Arc<Batch>,
        records: &[Arc<Record>],
        known: &Known,
        at: u64,
    ) -> Result<Vec<Finding>, Abort> {
        self.store.data_mut().begin(records, known, at);
        let detect = self.detect;
        let (findings,) = self.call(&detect, (batch.clone(),), self.deadline)?;
        Ok(findings)
    }

    /// The processes that the last call was shown beyond its batch, with the event that it asked
    /// about.
    pub fn take_shown(&mut self) -> Vec<(u64, Arc<Process>)> {
        self.store.data_mut().take_shown()
    }

    /// The last error that a call has logged which did not return.
    pub fn last_error(&mut self) -> Option<String> {
        self.store.data_mut().last_error().map(cut)
    }

    /// Makes what the last call did effective; returns the lines that it logged.
    pub fn commit(&mut self) -> Vec<Line> {
        self.store.data_mut().commit()
    }

    /// Whether it can hand over what it remembers.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// What it remembers, if it can say so.
    ///
    /// # Errors
    /// The call ended without an answer: the instance is dead.
    pub fn save(&mut self) -> Result<Option<Memory>, Abort> {
        let Some(snapshot) = self.snapshot else {
            return Ok(None);
        };
        let (schema,) = self.call(&snapshot.schema, (), self.deadline)?;
        self.store.set_hostcall_fuel(MAX_SNAPSHOT);
        let saved = self.call(&snapshot.save, (), self.deadline);
        self.store.set_hostcall_fuel(self.output);
        let (data,) = saved?;
        Ok(Some(Memory {
            schema,
            data: Arc::new(data),
        }))
    }

    /// Takes over what an older generation remembered.
    ///
    /// # Errors
    /// Why it does not: the call ended without an answer, or the plugin refused.
    pub fn restore(&mut self, memory: Memory) -> Result<(), String> {
        let Some(snapshot) = self.snapshot else {
            return Ok(());
        };
        let (answer,) = self
            .call(
                &snapshot.restore,
                (memory.schema, memory.data),
                self.deadline,
            )
            .map_err(|abort| abort.to_string())?;
        answer.map_err(cut)
    }

    /// What the last call took.
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Bytes of linear memory that it has.
    pub fn memory_used(&self) -> usize {
        self.store.data().memory_used()
    }

    fn call<P, R>(
        &mut self,
        func: &TypedFunc<P, R>,
        params: P,
        deadline: Duration,
    ) -> Result<R, Abort>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        begin(&mut self.store, deadline);
        let answer = func.call(&mut self.store, params);
        self.spent = self.store.data().term.spent();
        answer.map_err(|e| abort(&e, deadline))
    }
}

/// A call begins that has so much time.
fn begin(store: &mut Store<Services>, deadline: Duration) {
    store.data_mut().term = Term::begin(deadline);
    store.set_epoch_deadline(epochs(deadline));
}

/// Looks up the functions of an exported interface.
struct Exports<'s> {
    instance: wasmtime::component::Instance,
    store: &'s mut Store<Services>,
}

impl Exports<'_> {
    fn func<P, R>(
        &mut self,
        interface: &ComponentExportIndex,
        name: &'static str,
    ) -> Result<TypedFunc<P, R>, StartError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let index = self
            .instance
            .get_export_index(&mut *self.store, Some(interface), name)
            .ok_or(StartError::Export(name))?;
        self.instance
            .get_typed_func(&mut *self.store, index)
            .map_err(|_| StartError::Export(name))
    }
}

/// What an error of wasmtime means here.
fn abort(error: &wasmtime::Error, deadline: Duration) -> Abort {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Abort::Deadline(deadline),
        Some(trap) => Abort::Trap(trap.to_string()),
        None => {
            let cause = cut(error.root_cause().to_string());
            if super::services::is_limit(error) {
                Abort::Limit(cause)
            } else {
                Abort::Answer(cause)
            }
        }
    }
}

/// Text of a guest, cut to what a message can hold.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(512));
    text.shrink_to_fit();
    text
}
