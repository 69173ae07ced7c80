//! A plugin as a file: read, judged by its bytes alone, before anything is compiled or run.

use crate::manifest::{Manifest, ManifestError, SECTION, Sensitive, Service};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, fmt, io::Read, path::Path, sync::Arc};
use vedette_contract::VERSION;
use wasmparser::{Parser, Payload};

/// Largest component in bytes. A Python one has 18 MB; more is an attempt to keep the compiler
/// busy.
pub const MAX_SIZE: u64 = 48 << 20;
/// Most imports and exports of a component: the contract has a handful.
const MAX_NAMES: usize = 64;
/// Longest name of an import or export: names go into messages.
const MAX_NAME: usize = 128;

/// SHA-256 of a component.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The first bytes, as people compare them.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What every WebAssembly binary begins with.
const WASM_MAGIC: &[u8] = b"\0asm";

/// What the operator lets plugins do.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Host services.
    pub services: BTreeSet<Service>,
    /// Sensitive fields.
    pub fields: BTreeSet<Sensitive>,
}

impl Default for Grant {
    /// Everything that the contract has.
    fn default() -> Grant {
        Grant {
            services: Service::ALL.into(),
            fields: Sensitive::ALL.into(),
        }
    }
}

/// A file is not a plugin that may run here.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is too large.
    #[error("it is larger than {MAX_SIZE} bytes; build it in release mode and strip it")]
    TooLarge,
    /// It is no component.
    #[error(
        "it is a core WebAssembly module and no component; build it with `vedette plugin build`"
    )]
    Module,
    /// Its bytes are no WebAssembly.
    #[error("it is not a WebAssembly component: {0}; build it with `vedette plugin build`")]
    Malformed(String),
    /// It has no manifest.
    #[error(
        "it holds no {SECTION} section; build it with `vedette plugin build`, which puts plugin.toml into it"
    )]
    NoManifest,
    /// It has several manifests.
    #[error("it holds several {SECTION} sections; build it afresh")]
    ManyManifests,
    /// Its manifest is not sound.
    #[error("{0}")]
    Manifest(#[from] Box<ManifestError>),
    /// It wants WASI.
    #[error("it imports {0}: a plugin has no WASI; build it for wasm32-unknown-unknown")]
    Wasi(String),
    /// It wants something that no host of this contract gives.
    #[error(
        "it imports {0}, which contract {VERSION} does not have; rebuild it against this agent's contract"
    )]
    UnknownImport(String),
    /// It uses a service that its manifest does not name.
    #[error(
        "it imports the service {0}, which its manifest does not declare; add it to services in [capabilities]"
    )]
    Undeclared(&'static str),
    /// It wants a service that the operator does not grant.
    #[error(
        "it wants the service {0}, which is not granted to it; grant it in the agent's configuration"
    )]
    ServiceNotGranted(&'static str),
    /// It wants a field that the operator does not grant.
    #[error(
        "it wants to see {0}, which is not granted to it; grant it in the agent's configuration"
    )]
    FieldNotGranted(&'static str),
    /// It does not export what a plugin must.
    #[error(
        "it does not export vedette:detect/detector@{VERSION}; rebuild it against this agent's contract"
    )]
    NoDetector,
}

/// What stands in a component's bytes at its top level.
#[derive(Debug, Clone, Default)]
pub struct Anatomy {
    /// Text of the manifest.
    pub manifest: Option<String>,
    /// Names of its imports.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
}

/// A component that may run here.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Their digest.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// Its top level.
    pub anatomy: Anatomy,
}

/// Name of an interface of the contract, as components import and export it.
pub fn interface(name: &str) -> String {
    format!("vedette:detect/{name}@{VERSION}")
}

impl Component {
    /// Reads a file, not more of it than a component may have.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    pub fn read(path: &Path) -> Result<Vec<u8>, ComponentError> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(MAX_SIZE + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(ComponentError::TooLarge);
        }
        Ok(bytes)
    }

    /// The gate: judges a component by its bytes. What it imports must be declared by its
    /// manifest, and what that declares must be granted.
    ///
    /// # Errors
    /// The first reason for which it may not run here.
    pub fn admit(bytes: Vec<u8>, grant: &Grant) -> Result<Component, ComponentError> {
        let anatomy = anatomy(&bytes)?;
        let text = anatomy
            .manifest
            .as_deref()
            .ok_or(ComponentError::NoManifest)?;
        let manifest = Manifest::parse(text, "plugin.toml")?;
        for import in &anatomy.imports {
            admit_import(import, &manifest)?;
        }
        if let Some(service) = manifest.services.difference(&grant.services).next() {
            return Err(ComponentError::ServiceNotGranted(service.name()));
        }
        if let Some(field) = manifest.fields.difference(&grant.fields).next() {
            return Err(ComponentError::FieldNotGranted(field.name()));
        }
        if !anatomy.exports.contains(&interface("detector")) {
            return Err(ComponentError::NoDetector);
        }
        Ok(Component {
            digest: Digest::of(&bytes),
            bytes: bytes.into(),
            manifest: Arc::new(manifest),
            anatomy,
        })
    }
}

fn admit_import(import: &str, manifest: &Manifest) -> Result<(), ComponentError> {
    if import.starts_with("wasi:") || import.starts_with("wasi_") {
        return Err(ComponentError::Wasi(import.to_owned()));
    }
    // Types alone: nothing can be called through it.
    if import == interface("types") {
        return Ok(());
    }
    let Some(service) = Service::ALL
        .into_iter()
        .find(|service| import == interface(service.name()))
    else {
        return Err(ComponentError::UnknownImport(import.to_owned()));
    };
    if !manifest.services.contains(&service) {
        return Err(ComponentError::Undeclared(service.name()));
    }
    Ok(())
}

/// Reads the top level of a component; what is nested in it is none of its own.
///
/// # Errors
/// The bytes are no component.
pub fn anatomy(bytes: &[u8]) -> Result<Anatomy, ComponentError> {
    if Parser::is_core_wasm(bytes) {
        return Err(ComponentError::Module);
    }
    let malformed = |e: wasmparser::BinaryReaderError| ComponentError::Malformed(e.to_string());
    let mut anatomy = Anatomy::default();
    let mut nested = 0usize;
    if !bytes.starts_with(WASM_MAGIC) {
        // The parser's own words would be the bytes that it expected, one a line.
        let message = "it does not begin with the magic bytes of one".to_owned();
        return Err(ComponentError::Malformed(message));
    }
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => nested += 1,
            Payload::End(_) => nested = nested.saturating_sub(1),
            _ if nested > 0 => {}
            Payload::CustomSection(section) if section.name() == SECTION => {
                let text = String::from_utf8(section.data().to_vec()).map_err(|_| {
                    ComponentError::Malformed("its manifest is not UTF-8".to_owned())
                })?;
                if anatomy.manifest.replace(text).is_some() {
                    return Err(ComponentError::ManyManifests);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let name = import.map_err(malformed)?.name;
                    push(&mut anatomy.imports, name.name)?;
                    // Another name for something else: the gate judges plain names alone.
                    if name.implements.is_some() || name.version_suffix.is_some() {
                        return Err(ComponentError::UnknownImport(name.name.to_owned()));
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    push(&mut anatomy.exports, export.map_err(malformed)?.name.name)?;
                }
            }
            _ => {}
        }
    }
    Ok(anatomy)
}

fn push(names: &mut Vec<String>, name: &str) -> Result<(), ComponentError> {
    if names.len() == MAX_NAMES {
        return Err(ComponentError::Malformed(format!(
            "it has more than {MAX_NAMES} imports or exports"
        )));
    }
    if name.len() > MAX_NAME || name.contains(char::is_control) {
        return Err(ComponentError::Malformed(
            "the name of an import or export is no name".to_owned(),
        ));
    }
    names.push(name.to_owned());
    Ok(())
}
