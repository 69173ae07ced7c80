//! The BPF object in the kernel: its maps at hand, its programs loaded and attached as the kinds
//! that they serve become wanted.

use super::{
    Options, SensorError, give_back,
    pins::Pins,
    programs::{self, ATTACHMENTS, Link, Refusal, Without},
    syscalls::HANDLERS,
};
use crate::{
    casts,
    existing::Tasks,
    filter::KindSet,
    probe::{Features, PROBE, ProbeError},
    types::{self, Types},
};
use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, Map, MapError, ProgramArray},
    programs::{Program, ProgramError},
};

use vedette_contract::kind;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    thread,
};

pub(crate) static CORE: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/core.bpf.o"));

/// Part of a kind, or all of it, that cannot be sensed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The program that would have served.
    pub program: &'static str,
    /// The kinds that it would have served.
    pub kinds: KindSet,
    /// Whether something is not seen for lack of it; else it is seen from a worse place.
    pub blinds: bool,
    /// Why it does not.
    pub reason: String,
}

/// What has become of a program.
enum State {
    /// Nobody has wanted it yet.
    Unloaded,
    /// The alternative with this number is in the kernel, attached while there is a link.
    Loaded(usize, Option<Link>),
    /// The kernel does not take it.
    Refused(String),
}

/// What is loaded. Dropping it detaches every program that is not pinned.
pub(super) struct Object {
    ebpf: Ebpf,
    /// Where what shall outlive the agent is pinned.
    pins: Option<Pins>,
    /// The kernel's types, while programs are still being loaded: some MB.
    types: Option<Types>,
    /// What has become of each of [`HANDLERS`] and [`ATTACHMENTS`].
    handlers: Vec<State>,
    attachments: Vec<State>,
    /// And of [`ITERATOR`].
    iterator: State,
}

/// The program that tells what runs already, and the one that remembers it in the kernel.
const ITERATOR: &str = "tell_existing";
const REMEMBER: &str = "on_each_task";

/// Programs of which the kernel is to take one.
struct Job<'a> {
    alternatives: Vec<(&'static str, &'static str)>,
    programs: BTreeMap<String, &'a mut Program>,
}

impl Job<'_> {
    fn verify(mut self, types: &Types) {
        for (name, place) in &self.alternatives {
            if let Some(program) = self.programs.get_mut(*name)
                && programs::load(program, place, types).is_ok()
            {
                return;
            }
        }
    }
}

/// Threads that verify: with more of them a start would take the machine's every processor.
const VERIFIERS_MOST: usize = 4;

impl Object {
    /// Probes the kernel, takes the object in and makes its maps; no program is loaded yet.
    pub(super) fn load(options: &Options) -> Result<(Features, Object), SensorError> {
        let (types, loader) = types::read(&[PROBE, CORE]);
        let (features, ebpf) = {
            let mut loader: EbpfLoader<'_> = loader;
            let features = Features::of(types.as_ref(), &mut loader);
            features.sufficient()?;
            let cast = types.as_ref().map_err(ProbeError::types)?.cast;
            set_up(&mut loader, options);
            let ebpf = loader.load(&casts::write(CORE, cast));
            (features, ebpf)
        };
        let ebpf = ebpf.map_err(|source| SensorError::Load {
            source: Box::new(source),
        })?;
        let pins = options
            .pin
            .as_deref()
            .map(|base| Pins::open(base, CORE, options))
            .transpose()?;
        if let Some(pins) = &pins {
            pins.keep_maps(ebpf.maps())?;
        }
        let object = Object {
            ebpf,
            pins,
            types: types.ok(),
            handlers: HANDLERS.iter().map(|_| State::Unloaded).collect(),
            attachments: ATTACHMENTS.iter().map(|_| State::Unloaded).collect(),
            iterator: State::Unloaded,
        };
        Ok((features, object))
    }

    /// Loads and attaches every program that serves one of these kinds. One that is not required
    /// and that the kernel refuses is a [gap](Object::gaps).
    pub(super) fn serve(&mut self, kinds: KindSet) -> Result<(), SensorError> {
        self.verify_at_once(kinds)?;
        for (index, row) in ATTACHMENTS.iter().enumerate() {
            if !kinds.has_any(row.kinds) {
                continue;
            }
            if matches!(self.attachments[index], State::Unloaded) {
                self.attachments[index] = self.load_attachment(index)?;
            }
            self.attach(index)?;
        }
        for (index, row) in HANDLERS.iter().enumerate() {
            if kinds.has_any(row.kinds) && matches!(self.handlers[index], State::Unloaded) {
                self.handlers[index] = self.load_handler(index)?;
            }
        }
        Ok(())
    }

    /// Lets the programs on sending calls know whether others tell of UDP before them.
    pub(super) fn tell_of_hooks(&mut self) -> Result<(), SensorError> {
        let hooked = ["on_sendmsg4", "on_sendmsg6"].iter().all(|name| {
            let mut rows = self.attachments.iter().zip(ATTACHMENTS);
            rows.any(|(state, row)| {
                row.alternatives[0].0 == *name && matches!(state, State::Loaded(_, Some(_)))
            })
        });
        let mut in_kernel: Array<_, u64> = self.map_mut(".data.hooked")?;
        in_kernel
            .set(0, u64::from(hooked), 0)
            .map_err(|source| SensorError::map(".data.hooked", source))
    }

    /// Detaches every program that serves none of these kinds. It stays loaded.
    pub(super) fn rest(&mut self, kinds: KindSet) {
        for (state, row) in self.attachments.iter_mut().zip(ATTACHMENTS) {
            if let State::Loaded(_, link) = state
                && !kinds.has_any(row.kinds)
                && let Some(link) = link.take()
            {
                link.detach();
            }
        }
    }

    /// Gives back what only loading needs.
    pub(super) fn forget_types(&mut self) {
        if self.types.take().is_some() {
            give_back();
        }
    }

    /// What was tried and cannot be sensed here.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |state: &State, program, kinds: &[u16], blinds| match state {
            State::Refused(reason) => Some(Gap {
                program,
                kinds: kinds.iter().fold(KindSet::default(), |set, k| set.with(*k)),
                blinds,
                reason: reason.clone(),
            }),
            _ => None,
        };
        let attachments = self.attachments.iter().zip(ATTACHMENTS);
        let handlers = self.handlers.iter().zip(HANDLERS);
        attachments
            .filter_map(|(state, row)| {
                let blinds = row.without != Without::Worse;
                gap(state, row.alternatives[0].0, row.kinds, blinds)
            })
            .chain(handlers.filter_map(|(state, row)| gap(state, row.program, row.kinds, true)))
            // Without it /proc is asked.
            .chain(gap(&self.iterator, ITERATOR, &[kind::EXISTING], false))
            .collect()
    }

    /// Whether some program tells of this kind, or would if it were wanted.
    pub(super) fn senses(&self, kind: u16) -> bool {
        let serves = |state: &State, kinds: &[u16]| {
            kinds.contains(&kind) && !matches!(state, State::Refused(_))
        };
        let mut attachments = self.attachments.iter().zip(ATTACHMENTS);
        let mut handlers = self.handlers.iter().zip(HANDLERS);
        attachments.any(|(state, row)| row.without != Without::Worse && serves(state, row.kinds))
            || handlers.any(|(state, row)| serves(state, row.kinds))
    }

    /// Loads the first of the alternatives that the kernel takes.
    fn load_attachment(&mut self, index: usize) -> Result<State, SensorError> {
        let row = &ATTACHMENTS[index];
        let mut reasons = Vec::new();
        for (number, (name, place)) in row.alternatives.iter().enumerate() {
            match self.load_program(name, place)? {
                Ok(()) => return Ok(State::Loaded(number, None)),
                Err(refusal) if row.without == Without::Nothing => {
                    return Err(SensorError::program(name, refusal));
                }
                Err(refusal) => reasons.push(refusal.reason()),
            }
        }
        Ok(State::Refused(reasons.join("; ")))
    }

    /// Attaches what is loaded and not yet attached.
    fn attach(&mut self, index: usize) -> Result<(), SensorError> {
        let row = &ATTACHMENTS[index];
        let State::Loaded(number, None) = &self.attachments[index] else {
            return Ok(());
        };
        let (name, _) = row.alternatives[*number];
        let number = *number;
        self.attachments[index] = match programs::attach(program(&mut self.ebpf, name)?) {
            Ok(link) => {
                let link = match &self.pins {
                    Some(pins) => pins.keep_link(name, link)?,
                    None => link,
                };
                State::Loaded(number, Some(link))
            }
            Err(refusal) if row.without == Without::Nothing => {
                return Err(SensorError::program(name, refusal));
            }
            Err(refusal) => State::Refused(refusal.reason()),
        };
        Ok(())
    }

    /// Loads the program of some system calls and lets the dispatcher find it.
    fn load_handler(&mut self, index: usize) -> Result<State, SensorError> {
        let handler = &HANDLERS[index];
        if let Err(refusal) = self.load_program(handler.program, "sys_exit")? {
            return Ok(State::Refused(refusal.reason()));
        }
        let fd = match program(&mut self.ebpf, handler.program)? {
            Program::BtfTracePoint(program) => program.fd(),
            _ => Err(ProgramError::UnexpectedProgramType),
        };
        let fd = fd
            .and_then(|fd| fd.try_clone().map_err(ProgramError::from))
            .map_err(|source| SensorError::program(handler.program, source.into()))?;
        for (map, calls) in [
            ("HANDLERS", handler.calls),
            ("COMPAT_HANDLERS", handler.compat),
        ] {
            let mut table: ProgramArray<_> = self.map_mut(map)?;
            for call in calls {
                table
                    .set(*call as u32, &fd, 0)
                    .map_err(|source| SensorError::map(map, source))?;
            }
        }
        Ok(State::Loaded(0, None))
    }

    /// Lets the kernel verify what is to be loaded on all processors at once: that is most of the
    /// time of a start. What fails here is tried again, alone, where its failure is judged.
    fn verify_at_once(&mut self, kinds: KindSet) -> Result<(), SensorError> {
        let attachments = ATTACHMENTS.iter().zip(&self.attachments);
        let attachments = attachments
            .filter(|(row, state)| kinds.has_any(row.kinds) && matches!(state, State::Unloaded))
            .map(|(row, _)| row.alternatives.to_vec());
        let handlers = HANDLERS.iter().zip(&self.handlers);
        let handlers = handlers
            .filter(|(row, state)| kinds.has_any(row.kinds) && matches!(state, State::Unloaded))
            .map(|(row, _)| vec![(row.program, "sys_exit")]);
        // Who begins goes through all tasks next.
        let iterators = match self.iterator {
            State::Unloaded => &[REMEMBER, ITERATOR][..],
            _ => &[],
        };
        let iterators = iterators.iter().map(|name| vec![(*name, "task")]);
        // Each job is done when one alternative has been taken. The first jobs are the largest.
        let mut jobs: Vec<_> = attachments
            .chain(iterators)
            .chain(handlers)
            .map(|alternatives| Job {
                alternatives,
                programs: BTreeMap::new(),
            })
            .collect();
        if jobs.len() < 2 {
            return Ok(());
        }
        for (name, program) in self.ebpf.programs_mut() {
            let job = jobs
                .iter_mut()
                .find(|job| job.alternatives.iter().any(|(own, _)| *own == name));
            if let Some(job) = job {
                job.programs.insert(name.to_owned(), program);
            }
        }
        let types = match self.types.take() {
            Some(types) => types,
            None => Types::of_kernel(&[CORE]).map_err(|error| ProbeError::types(&error))?,
        };
        let jobs = Mutex::new(jobs.into_iter());
        let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
        let threads = thread::available_parallelism().map_or(1, |n| n.get().min(VERIFIERS_MOST));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(job) = next() {
                        job.verify(&types);
                    }
                });
            }
        });
        self.types = Some(types);
        Ok(())
    }

    /// Lets the kernel side look at every task that there is, so that it knows later what changed.
    /// Without iterators (before 5.8) it learns each at its next fork.
    pub(super) fn remember_tasks(&mut self) -> Result<(), SensorError> {
        let outcome = match self.load_program(REMEMBER, "task")? {
            Ok(()) => programs::run(program(&mut self.ebpf, REMEMBER)?),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = outcome {
            tracing::warn!(
                "what runs already is not known to the kernel side: {}",
                refusal.reason()
            );
        }
        Ok(())
    }

    /// Begins the kernel's own account of its processes; none where the kernel has no iterators
    /// that can tell it, which is a gap then.
    pub(super) fn tasks(&mut self) -> Result<Option<Tasks>, SensorError> {
        if matches!(self.iterator, State::Unloaded) {
            self.iterator = match self.load_program(ITERATOR, "task")? {
                Ok(()) => State::Loaded(0, None),
                Err(refusal) => State::Refused(refusal.reason()),
            };
        }
        if matches!(self.iterator, State::Refused(_)) {
            return Ok(None);
        }
        match programs::begin(program(&mut self.ebpf, ITERATOR)?) {
            Ok(file) => Ok(Some(Tasks::new(file))),
            Err(refusal) => {
                self.iterator = State::Refused(refusal.reason());
                Ok(None)
            }
        }
    }

    /// Lets the kernel verify a program; the outer error is the sensor's own fault.
    fn load_program(
        &mut self,
        name: &'static str,
        place: &str,
    ) -> Result<Result<(), Refusal>, SensorError> {
        let types = match self.types.take() {
            Some(types) => types,
            None => Types::of_kernel(&[CORE]).map_err(|error| ProbeError::types(&error))?,
        };
        let loaded = match programs::load(program(&mut self.ebpf, name)?, place, &types) {
            // Verified before, with others at once.
            Err(Refusal::Program(ProgramError::AlreadyLoaded)) => Ok(()),
            loaded => loaded,
        };
        self.types = Some(types);
        Ok(loaded)
    }

    /// A map for writing.
    pub(super) fn map_mut<'a, M>(&'a mut self, name: &'static str) -> Result<M, SensorError>
    where
        M: TryFrom<&'a mut Map, Error = MapError>,
    {
        let map = self
            .ebpf
            .map_mut(name)
            .ok_or(SensorError::Object { missing: name })?;
        M::try_from(map).map_err(|source| SensorError::map(name, source))
    }

    /// Takes a map out of the object.
    pub(super) fn take<M>(&mut self, name: &'static str) -> Result<M, SensorError>
    where
        M: TryFrom<Map, Error = MapError>,
    {
        let map = self
            .ebpf
            .take_map(name)
            .ok_or(SensorError::Object { missing: name })?;
        M::try_from(map).map_err(|source| SensorError::map(name, source))
    }

    /// The pins, where there are any.
    pub(super) fn pins(&self) -> Option<&Pins> {
        self.pins.as_ref()
    }
}

/// Whether a program that is not among these gaps tells of the kind.
pub(super) fn serves(kind: u16, gaps: &[Gap]) -> bool {
    let attachments = ATTACHMENTS
        .iter()
        .map(|row| (row.alternatives[0].0, row.kinds));
    let handlers = HANDLERS.iter().map(|row| (row.program, row.kinds));
    attachments
        .chain(handlers)
        .any(|(program, kinds)| kinds.contains(&kind) && gaps.iter().all(|g| g.program != program))
}

fn set_up(loader: &mut EbpfLoader<'_>, options: &Options) {
    loader
        // Task storage is used by the programs alone, so aya need not know it.
        .allow_unsupported_maps()
        // A refused program is tried again with a log: what the verifier objects to, without the
        // trace of every instruction that it looked at.
        .verifier_log_level(VerifierLogLevel::STATS)
        .map_max_entries("SECURITY", options.security_ring)
        .map_max_entries("BULK", options.bulk_ring);
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Program, SensorError> {
    ebpf.program_mut(name)
        .ok_or(SensorError::Object { missing: name })
}
