//! What this kernel, and what this process may do, offer to a sensor.
//!
//! Every capability is tried one by one: an empty program of the kind is loaded and attached for a
//! moment. What is missing blinds only what hangs on it, and [`Features`] says what that is.

use crate::{
    live::CORE,
    types::{self, TYPES_PATH, Types, TypesError},
};
use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, MapType},
    programs::{CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError},
    sys::is_map_supported,
};
use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// The object with an empty program of each kind. What the mere attachment of one costs can be
/// measured with it.
pub static PROBE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/probe.bpf.o"));

/// Capabilities without which nothing can be loaded: CAP_SYS_ADMIN, or CAP_BPF and CAP_PERFMON.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// What stops a sensor altogether.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProbeError {
    /// A capability that nothing works without is missing.
    #[error("the kernel cannot be sensed: {missing}; {remedy}")]
    Missing {
        /// What is missing.
        missing: String,
        /// How to get it.
        remedy: &'static str,
    },
}

impl ProbeError {
    /// The kernel's types could be read once and cannot be any more.
    pub(crate) fn types(error: &TypesError) -> ProbeError {
        ProbeError::Missing {
            missing: error.to_string(),
            remedy: REMEDY_KERNEL,
        }
    }
}

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its short name.
    pub name: &'static str,
    /// Whether it works here.
    pub available: bool,
    /// Nothing can be sensed without it.
    pub required: bool,
    /// What was seen: a path, or why it does not work.
    pub detail: String,
    /// What its absence blinds, or what is used instead.
    pub without: &'static str,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.available, self.required) {
            (true, _) => "yes",
            (false, true) => "MISSING",
            (false, false) => "no",
        };
        write!(f, "{:<16} {state:<8}", self.name)?;
        if !self.detail.is_empty() {
            write!(f, "{}", self.detail)?;
        }
        if !self.available {
            let gap = if self.detail.is_empty() { "" } else { "; " };
            write!(f, "{gap}without it: {}", self.without)?;
        }
        Ok(())
    }
}

/// All that was probed, in the order in which it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    all: Vec<Feature>,
}

impl fmt::Display for Features {
    /// One line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, feature) in self.all.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{feature}")?;
        }
        Ok(())
    }
}

impl Features {
    /// Probes this kernel. Works without root, and then says what is missing.
    pub fn probe() -> Features {
        let (types, loader) = types::read(&[PROBE, CORE]);
        Features::of(types.as_ref(), &mut { loader })
    }

    /// The capabilities, in the order in which they are told.
    pub fn iter(&self) -> impl Iterator<Item = &Feature> {
        self.all.iter()
    }

    /// Whether the capability with this name works.
    pub fn has(&self, name: &str) -> bool {
        self.all.iter().any(|f| f.name == name && f.available)
    }

    /// Whether what is required is there.
    ///
    /// # Errors
    /// The first thing that is missing, and how to get it.
    pub fn sufficient(&self) -> Result<(), ProbeError> {
        match self.all.iter().find(|f| f.required && !f.available) {
            None => Ok(()),
            Some(missing) => Err(ProbeError::Missing {
                missing: format!("{}: {}", missing.name, missing.detail),
                remedy: match missing.name {
                    "privilege" => REMEDY_PRIVILEGE,
                    "pid-namespace" => REMEDY_PIDS,
                    _ => REMEDY_KERNEL,
                },
            }),
        }
    }

    /// Probes the kernel with these types of its own, which the loader uses from then on.
    pub(crate) fn of<'t>(
        types: Result<&'t Types, &TypesError>,
        loader: &mut EbpfLoader<'t>,
    ) -> Features {
        let mut features = Features::default();
        let privileged = privilege();
        let may = privileged.is_ok();
        features.add("privilege", true, privileged, "nothing can be loaded");
        features.add(
            "pid-namespace",
            true,
            initial_pids(),
            "the agent would take another process for itself, and for those that it is asked about",
        );
        features.add(
            "btf",
            true,
            match types {
                Ok(_) => Ok(TYPES_PATH.to_owned()),
                Err(error) => Err(error.to_string()),
            },
            "one object cannot fit this kernel",
        );
        let types = types.ok();
        let cgroups = unified_root();
        match types {
            Some(types) if may => features.try_programs(types, loader, cgroups.as_deref()),
            _ => features.untried(),
        }
        features.add(
            "cgroup2",
            false,
            cgroups
                .map(|path| path.display().to_string())
                .ok_or_else(|| "no unified hierarchy is mounted".to_owned()),
            "payloads cannot be seen, containers only by the version 1 hierarchies",
        );
        features.io_uring(types);
        features.statistics();
        features
    }

    fn add(
        &mut self,
        name: &'static str,
        required: bool,
        outcome: Result<String, String>,
        without: &'static str,
    ) {
        self.all.push(Feature {
            name,
            available: outcome.is_ok(),
            required,
            detail: outcome.unwrap_or_else(|why| why),
            without,
        });
    }

    fn try_programs<'t>(
        &mut self,
        types: &'t Types,
        loader: &mut EbpfLoader<'t>,
        cgroups: Option<&Path>,
    ) {
        let ring = match is_map_supported(MapType::RingBuf) {
            Ok(true) => Ok(String::new()),
            Ok(false) => Err("kernel older than 5.8".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        self.add("ring-buffer", true, ring, WITHOUT[0].3);
        let mut ebpf = loader
            .btf(Some(&types.layouts))
            .allow_unsupported_maps()
            .verifier_log_level(VerifierLogLevel::DISABLE)
            .load(PROBE);
        for (name, program, required, without) in &WITHOUT[1..] {
            let outcome = match &mut ebpf {
                Ok(ebpf) => try_program(ebpf, program, types, cgroups),
                Err(error) => Err(error.to_string()),
            };
            self.add(name, *required, outcome.map(|()| String::new()), without);
        }
    }

    fn untried(&mut self) {
        for (name, _, required, without) in WITHOUT {
            self.add(name, *required, Err("not tried".to_owned()), without);
        }
    }

    /// Switching them on makes every program on the machine slower, so it is only looked whether
    /// they can be.
    fn statistics(&mut self) {
        let switch = fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled");
        self.add(
            "bpf-statistics",
            false,
            switch
                .map(|on| format!("switched {}", if on.trim() == "0" { "off" } else { "on" }))
                .map_err(|_| "kernel older than 5.1".to_owned()),
            "nothing is blind, but what the programs cost cannot be told",
        );
    }

    fn io_uring(&mut self, types: Option<&Types>) {
        let known = |name: &str| {
            types.is_some_and(|types| {
                let name = format!("btf_trace_io_uring_{name}");
                types
                    .places
                    .id_by_type_name_kind(&name, aya_obj::btf::BtfKind::Typedef)
                    .is_ok()
            })
        };
        let found = ["submit_req", "submit_sqe"].into_iter().find(|n| known(n));
        self.add(
            "io-uring",
            false,
            found
                .map(|name| format!("io_uring_{name}"))
                .ok_or_else(|| "no tracepoint of io_uring".to_owned()),
            "what is opened and connected through io_uring is not seen",
        );
    }
}

const REMEDY_PRIVILEGE: &str = "run as root, in a container with CAP_SYS_ADMIN (or CAP_BPF and CAP_PERFMON) and the host's pid namespace";
const REMEDY_PIDS: &str =
    "start it in the host's pid namespace (docker and podman: --pid=host; a pod: hostPID: true)";
const REMEDY_KERNEL: &str =
    "use a kernel of 5.12 or later that is built with CONFIG_DEBUG_INFO_BTF and CONFIG_BPF_SYSCALL";

/// Name, program in the object, whether it is required, what its absence blinds.
const WITHOUT: &[(&str, &str, bool, &str)] = &[
    ("ring-buffer", "", true, "events cannot leave the kernel"),
    ("tp-btf", "probe_tp_btf", true, "no event can be seen"),
    (
        "task-storage",
        "probe_task_storage",
        true,
        "changes of namespace cannot be told apart",
    ),
    ("raw-tp", "probe_raw_tp", false, "nothing; tp-btf serves"),
    (
        "fentry",
        "probe_fentry",
        false,
        "nothing is blind: no program of the sensor is one",
    ),
    (
        "lsm",
        "probe_lsm",
        false,
        "what a name led to is read out of the caller's memory when the call has ended, and another \
         thread may have changed it (`as-given`); add bpf to lsm= on the kernel's command line",
    ),
    (
        "iterators",
        "probe_iterators",
        false,
        "what runs already is read from /proc: start times to a clock tick, no marks of images, no \
         sockets of other network namespaces",
    ),
    (
        "cgroup-skb",
        "probe_cgroup_skb",
        false,
        "payloads cannot be seen (kind `sent`)",
    ),
];

/// Loads and attaches one program of the object for a moment.
fn try_program(
    ebpf: &mut Ebpf,
    name: &str,
    types: &Types,
    cgroups: Option<&Path>,
) -> Result<(), String> {
    let Some(program) = ebpf.program_mut(name) else {
        return Err(format!("the probe object has no `{name}`"));
    };
    let types = &types.places;
    let outcome: Result<(), ProgramError> = (|| match program {
        Program::BtfTracePoint(p) => {
            let tracepoint = match name {
                "probe_tp_btf" => "sched_process_exec",
                _ => "sched_process_exit",
            };
            p.load(tracepoint, types)?;
            let link = p.attach()?;
            p.detach(link)
        }
        Program::RawTracePoint(p) => {
            p.load()?;
            let link = p.attach("sched_process_exit")?;
            p.detach(link)
        }
        Program::FEntry(p) => {
            p.load("commit_creds", types)?;
            let link = p.attach()?;
            p.detach(link)
        }
        Program::Lsm(p) => {
            p.load("task_getpgid", types)?;
            let link = p.attach()?;
            // Asking for a number that everybody may have calls the hook.
            let _ = rustix::process::getpgid(None);
            p.detach(link)
        }
        Program::Iter(p) => {
            p.load("task", types)?;
            let link = p.attach()?;
            p.detach(link)
        }
        Program::CgroupSkb(p) => {
            p.load()?;
            let Some(root) = cgroups.and_then(|path| fs::File::open(path).ok()) else {
                return Ok(());
            };
            let link = p.attach(root, CgroupSkbAttachType::Egress, CgroupAttachMode::Single)?;
            p.detach(link)
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    })();
    outcome.map_err(|error| cause(&error))?;
    if name == "probe_lsm" && !has_run(ebpf) {
        return Err("taken and never run: `bpf` is not among the security modules".to_owned());
    }
    Ok(())
}

/// Whether the hook of the security modules was run.
fn has_run(ebpf: &Ebpf) -> bool {
    let map = ebpf
        .map("RAN")
        .and_then(|map| Array::<_, u64>::try_from(map).ok());
    map.is_some_and(|map| map.get(&0, 0).is_ok_and(|ran| ran != 0))
}

/// The innermost cause, which is the errno that matters.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Whether this process may load programs, by its effective capabilities.
fn privilege() -> Result<String, String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let has = |capability: u32| effective >> capability & 1 == 1;
    if has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON)) {
        Ok(String::new())
    } else {
        Err("neither CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON".to_owned())
    }
}

/// Inode of the machine's own pid namespace, the same on every kernel (`PROC_PID_INIT_INO`).
const INITIAL_PIDS: u64 = 0xefff_fffc;

/// Whether this process goes by the numbers that the kernel tells events with: in another pid
/// namespace it has another one, and so has every process. Where `/proc` does not say it is assumed.
fn initial_pids() -> Result<String, String> {
    match fs::metadata("/proc/self/ns/pid").map(|of| of.ino()) {
        Ok(inode) if inode != INITIAL_PIDS => Err(format!(
            "this is not the machine's own pid namespace but pid:[{inode}]"
        )),
        _ => Ok(String::new()),
    }
}

/// Where the unified control group hierarchy is mounted.
pub(crate) fn unified_root() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        // "… MOUNTPOINT OPTIONS [TAGS] - TYPE SOURCE …": the fifth field and what follows " - ".
        let (head, tail) = line.split_once(" - ")?;
        tail.starts_with("cgroup2 ").then_some(())?;
        head.split(' ').nth(4).map(PathBuf::from)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_missing_requirement_says_how_to_get_it() {
        let mut features = Features::default();
        features.add("privilege", true, Err("none".to_owned()), "nothing works");
        let error = features.sufficient().unwrap_err().to_string();
        assert!(
            error.contains("privilege: none") && error.contains("run as root"),
            "{error}"
        );
        assert!(features.to_string().contains("MISSING"));
    }

    #[test]
    fn everything_probed_has_one_line() {
        let features = Features::probe();
        assert_eq!(
            features.to_string().lines().count(),
            features.iter().count()
        );
    }
}
