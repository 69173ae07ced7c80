//! The BPF object in the kernel: loaded, its programs attached, its maps at hand.

use super::{Options, SensorError, syscalls::HANDLERS};
use crate::probe::unified_root;
use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Map, MapError, ProgramArray, RingBuf},
    programs::{
        CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError, cgroup_skb::CgroupSkbLinkId,
    },
};
use std::fs::File;

static CORE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/core.bpf.o"));

/// Programs on tracepoints of their own; a kernel that lacks one of the required is refused.
const TRACEPOINTS: &[(&str, &str)] = &[
    ("on_exec", "sched_process_exec"),
    ("on_fork", "sched_process_fork"),
    ("on_exit", "sched_process_exit"),
    ("on_cgroup_mkdir", "cgroup_mkdir"),
    ("on_socket_state", "inet_sock_set_state"),
    ("dispatch", "sys_exit"),
];

/// The program that sees packets leave. It is in the same object so that it shares the maps, and
/// uses nothing of the kernel's own types, so that it can fail alone.
const PACKETS: &str = "on_egress";

/// What is loaded. Dropping it detaches every program.
pub(super) struct Object {
    ebpf: Ebpf,
    /// The attached packet program; per-packet cost is paid only while payloads are wanted.
    packets: Option<CgroupSkbLinkId>,
}

impl Object {
    /// Loads the object and its programs; nothing is attached yet.
    pub(super) fn load(btf: &Btf, options: &Options) -> Result<Object, SensorError> {
        let mut ebpf = loader(btf, options)
            .load(CORE)
            .map_err(|source| SensorError::Load {
                source: Box::new(source),
            })?;
        for (name, tracepoint) in TRACEPOINTS {
            load(&mut ebpf, name, tracepoint, btf)?;
        }
        for handler in HANDLERS {
            load(&mut ebpf, handler.program, "sys_exit", btf)?;
        }
        let mut object = Object {
            ebpf,
            packets: None,
        };
        object.fill_handlers()?;
        Ok(object)
    }

    /// Attaches what is always attached.
    pub(super) fn attach(&mut self) -> Result<(), SensorError> {
        for (name, _) in TRACEPOINTS {
            if let Program::BtfTracePoint(program) = program(&mut self.ebpf, name)? {
                program
                    .attach()
                    .map_err(|source| SensorError::program(name, source))?;
            }
        }
        Ok(())
    }

    /// Attaches or detaches the packet program.
    pub(super) fn watch_packets(&mut self, wanted: bool) -> Result<(), SensorError> {
        if wanted == self.packets.is_some() {
            return Ok(());
        }
        let Program::CgroupSkb(program) = program(&mut self.ebpf, PACKETS)? else {
            return Err(SensorError::Object { missing: PACKETS });
        };
        let failed = |source| SensorError::program(PACKETS, source);
        if let Some(link) = self.packets.take() {
            return program.detach(link).map_err(failed);
        }
        let root = unified_root().ok_or(SensorError::Packets)?;
        let root = File::open(root)?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
            Err(error) => return Err(failed(error)),
        }
        let link = program
            .attach(root, CgroupSkbAttachType::Egress, CgroupAttachMode::Single)
            .map_err(failed)?;
        self.packets = Some(link);
        Ok(())
    }

    fn fill_handlers(&mut self) -> Result<(), SensorError> {
        for handler in HANDLERS {
            let fd = match program(&mut self.ebpf, handler.program)? {
                Program::BtfTracePoint(program) => program.fd(),
                _ => Err(ProgramError::UnexpectedProgramType),
            };
            let fd = fd
                .and_then(|fd| fd.try_clone().map_err(ProgramError::from))
                .map_err(|source| SensorError::program(handler.program, source))?;
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
        }
        Ok(())
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

    /// A map for reading.
    pub(super) fn map<'a, M>(&'a self, name: &'static str) -> Result<M, SensorError>
    where
        M: TryFrom<&'a Map, Error = MapError>,
    {
        let map = self
            .ebpf
            .map(name)
            .ok_or(SensorError::Object { missing: name })?;
        M::try_from(map).map_err(|source| SensorError::map(name, source))
    }

    /// Takes a ring out of the object.
    pub(super) fn ring(
        &mut self,
        name: &'static str,
    ) -> Result<RingBuf<aya::maps::MapData>, SensorError> {
        let map = self
            .ebpf
            .take_map(name)
            .ok_or(SensorError::Object { missing: name })?;
        RingBuf::try_from(map).map_err(|source| SensorError::map(name, source))
    }
}

fn loader<'a>(btf: &'a Btf, options: &Options) -> EbpfLoader<'a> {
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(btf))
        // Task storage is used by the programs alone, so aya need not know it.
        .allow_unsupported_maps()
        .verifier_log_level(VerifierLogLevel::DISABLE)
        .map_max_entries("SECURITY", options.security_ring)
        .map_max_entries("BULK", options.bulk_ring);
    loader
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Program, SensorError> {
    ebpf.program_mut(name)
        .ok_or(SensorError::Object { missing: name })
}

fn load(
    ebpf: &mut Ebpf,
    name: &'static str,
    tracepoint: &str,
    btf: &Btf,
) -> Result<(), SensorError> {
    match program(ebpf, name)? {
        Program::BtfTracePoint(program) => program.load(tracepoint, btf),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
    .map_err(|source| SensorError::program(name, source))
}
