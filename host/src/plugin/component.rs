//! A plugin as a file: read, judged by its bytes alone, before anything is compiled or run.

use super::{
    signature::{self, PublicKey, SignatureError},
    watch::trusted_settings,
};
use crate::{
    grants::{Grants, Verdict},
    manifest::{self, Manifest, ManifestError, SECTION, Service, Version},
};
use rustix::fs::OFlags;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};
use vedette_contract::VERSION;
use wasm_encoder::{ComponentSection as _, CustomSection};
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

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        signature::hex(&text)
            .map(Digest)
            .ok_or_else(|| D::Error::custom("a digest has 64 hexadecimal digits"))
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
    /// It wants what the operator has not granted.
    #[error(
        "{plugin} wants {missing}, which is not granted to it; look at what it is and run `vedette plugin grant FILE`"
    )]
    NotGranted {
        /// The plugin.
        plugin: String,
        /// What it lacks.
        missing: Box<crate::grants::Grant>,
    },
    /// It is not of the publisher by whom the plugin is known.
    #[error(
        "{plugin} is known by the publisher's key {key}, and this component is not signed with it; if that is right, run `vedette plugin grant FILE`"
    )]
    OtherPublisher {
        /// The plugin.
        plugin: String,
        /// The key that it is known by.
        key: PublicKey,
    },
    /// The operator's settings cannot be read.
    #[error("{}: the plugin's settings cannot be used: {reason}", path.display())]
    Settings {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// A setting has no default, and the operator has not set it.
    #[error(
        "its setting {setting:?} has no default; set it in {} in the directory of --plugin-config", path.display()
    )]
    NotSet {
        /// The setting.
        setting: String,
        /// The file that it is looked for in.
        path: std::path::PathBuf,
    },
    /// Its signature is not sound.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It does not export what a plugin must.
    #[error(
        "it does not export vedette:detect/detector of {VERSION} or its track; rebuild it against this agent's contract"
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
    /// It has a section for a signature.
    pub signed: bool,
}

impl Anatomy {
    /// Whether it exports an interface of the contract, in any version of this host's track.
    pub fn has_export(&self, name: &str) -> bool {
        self.exports
            .iter()
            .any(|export| of_contract(export) == Some(name))
    }
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
    /// Who signed it.
    pub publisher: Option<PublicKey>,
    /// Its top level.
    pub anatomy: Anatomy,
}

/// Name of an interface of the contract, as components import and export it.
pub fn interface(name: &str) -> String {
    format!("vedette:detect/{name}@{VERSION}")
}

/// The interface of the contract that a component names, where the version is one of this host's
/// track: of those the engine links any to any.
fn of_contract(name: &str) -> Option<&str> {
    let (name, version) = name.strip_prefix("vedette:detect/")?.split_once('@')?;
    Version::parse(version)?
        .same_track(Version::own())
        .then_some(name)
}

impl Component {
    /// Reads a file, not more of it than a component may have.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    pub fn read(path: &Path) -> Result<Vec<u8>, ComponentError> {
        let mut bytes = Vec::new();
        open_file(path)?
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
    pub fn admit(bytes: Vec<u8>, grants: &Grants) -> Result<Component, ComponentError> {
        let component = Component::verify(bytes)?;
        component.permit(grants, false)?;
        Ok(component)
    }

    /// The part of the gate that asks the operator. Its file may have held `another` plugin.
    ///
    /// # Errors
    /// It asks for what is not granted.
    pub fn permit(&self, grants: &Grants, another: bool) -> Result<(), ComponentError> {
        let plugin = self.manifest.id.clone();
        match grants.judge_in_file(self, another) {
            Verdict::Granted => Ok(()),
            Verdict::Held(missing) => Err(ComponentError::NotGranted {
                plugin,
                missing: missing.into(),
            }),
            Verdict::OtherPublisher(key) => Err(ComponentError::OtherPublisher { plugin, key }),
        }
    }

    /// The part of the gate that asks no operator: whether it is a plugin, signed by whom it says,
    /// that imports no more than its manifest declares.
    ///
    /// # Errors
    /// The first reason for which it may not run anywhere.
    pub fn verify(bytes: Vec<u8>) -> Result<Component, ComponentError> {
        let anatomy = anatomy(&bytes)?;
        let text = anatomy
            .manifest
            .as_deref()
            .ok_or(ComponentError::NoManifest)?;
        let publisher = anatomy
            .signed
            .then(|| signature::verify(&bytes))
            .transpose()?;
        let manifest = Manifest::parse(text, "plugin.toml")?;
        for import in &anatomy.imports {
            admit_import(import, &manifest)?;
        }
        if !anatomy.has_export("detector") {
            return Err(ComponentError::NoDetector);
        }
        Ok(Component {
            digest: Digest::of(&bytes),
            bytes: bytes.into(),
            manifest: Arc::new(manifest),
            publisher,
            anatomy,
        })
    }

    /// What of its bytes is compiled: all but the manifest and the signature at their end. So what is
    /// compiled is kept where only these change.
    pub fn code(&self) -> &[u8] {
        let unsigned = signature::unsigned(&self.bytes);
        let text = self.anatomy.manifest.as_deref().unwrap_or_default();
        // Bytes at the end that only look like the section are part of another one, whose length
        // then says that something is missing: it does not compile.
        (unsigned.strip_suffix(&manifest_section(text)[..])).unwrap_or(unsigned)
    }

    /// Takes an operator's settings from the file of the plugin's id in a directory, if there is
    /// one. Unless they are the author's own, nobody else may be able to write them.
    ///
    /// # Errors
    /// The settings are not what the manifest allows, or some that it requires are missing, or
    /// others could have written them.
    pub fn configure(
        &mut self,
        directory: Option<&Path>,
        of_author: bool,
    ) -> Result<(), ComponentError> {
        let name = format!("{}.toml", self.manifest.id);
        let path = directory.map_or_else(|| name.clone().into(), |directory| directory.join(&name));
        let text = match directory {
            None => None,
            Some(_) => {
                settings_text(&path, of_author).map_err(|reason| ComponentError::Settings {
                    path: path.clone(),
                    reason,
                })?
            }
        };
        if let Some(text) = text {
            let config = self
                .manifest
                .config
                .with(&text, &path.display().to_string())?;
            Arc::make_mut(&mut self.manifest).config = config;
        }
        match self.manifest.config.missing()[..] {
            [] => Ok(()),
            [first, ..] => Err(ComponentError::NotSet {
                setting: first.to_owned(),
                path,
            }),
        }
    }
}

/// Opens what is a file, and not something that makes whoever opens or reads it wait.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no plain file; put one there")),
    }
}

/// What an operator has set for a plugin, if anything.
fn settings_text(path: &Path, of_author: bool) -> Result<Option<String>, String> {
    let file = match open_file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !of_author {
        trusted_settings(path).map_err(|error| error.to_string())?;
    }
    let mut text = String::new();
    // One byte more than is read of it, so that what is too long is refused.
    file.take(manifest::MAX_SIZE as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(Some(text))
}

/// The section that holds a manifest.
pub fn manifest_section(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let section = CustomSection {
        name: SECTION.into(),
        data: text.as_bytes().into(),
    };
    section.append_to_component(&mut bytes);
    bytes
}

fn admit_import(import: &str, manifest: &Manifest) -> Result<(), ComponentError> {
    if import.starts_with("wasi:") || import.starts_with("wasi_") {
        return Err(ComponentError::Wasi(import.to_owned()));
    }
    let name = of_contract(import);
    // Types alone: nothing can be called through it.
    if name == Some("types") {
        return Ok(());
    }
    let Some(service) = name.and_then(Service::by_name) else {
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
            // Any number and any place: whether it is the one at the end is the signature's matter.
            Payload::CustomSection(section) if section.name() == signature::SECTION => {
                let first = !std::mem::replace(&mut anatomy.signed, true);
                first.then_some(()).ok_or(SignatureError::Form)?;
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
