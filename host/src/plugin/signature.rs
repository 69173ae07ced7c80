//! Who published a component: an ed25519 signature in its last section.
//!
//! What is signed is the SHA-256 of all bytes before that section, behind a text that no other use
//! of the key begins with. A component whose signature does not hold is refused: it never passes
//! for an unsigned one.

use super::component::Digest;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

/// Name of the custom section that holds the signature, the last of the component's top level.
pub const SECTION: &str = "vedette:signature";

/// What each signed message begins with.
const DOMAIN: &[u8] = b"vedette plugin signature 1\0";
/// The form of the section's content: a key and a signature behind this byte.
const FORM: u8 = 1;
/// The section's content: form, public key, signature.
const CONTENT: usize = 1 + 32 + 64;
/// The section's bytes behind its own length: its name with the name's length, and the content.
const BODY: usize = 1 + SECTION.len() + CONTENT;
/// All of the section. Both lengths take one byte.
const TAIL: usize = 2 + BODY;
const _: () = assert!(BODY < 0x80 && SECTION.len() < 0x80);

/// What a public key begins with as text, and what a secret one.
const PUBLIC: &str = "ed25519:";
const SECRET: &str = "ed25519-secret:";
/// Longest key file in bytes: it holds one line.
const MAX_KEY_FILE: u64 = 256;

/// A key or a signature cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The section is not where or what it must be.
    #[error("its {SECTION} section is not its last one, or not of a known form; sign it afresh")]
    Form,
    /// The signature is not of these bytes.
    #[error("its signature does not hold: it was changed after it was signed, or badly signed")]
    Broken,
    /// The text is no public key.
    #[error("{0:?} is not a publisher's key; it looks like {PUBLIC} and 64 hexadecimal digits")]
    PublicKey(String),
    /// A key file or component cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no secret key.
    #[error("{}: this is no secret key; make one with `vedette plugin keygen`", .0.display())]
    SecretKey(PathBuf),
    /// Others can read the secret key.
    #[error("{}: others can read this secret key; run chmod 600 on it", .0.display())]
    Exposed(PathBuf),
}

/// The key by which a publisher is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PUBLIC)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<PublicKey, SignatureError> {
        text.strip_prefix(PUBLIC)
            .and_then(hex)
            .map(PublicKey)
            .ok_or_else(|| SignatureError::PublicKey(text.chars().take(100).collect()))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A key that signs.
pub struct SecretKey(SigningKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey of {}", self.public())
    }
}

impl SecretKey {
    /// Makes a key out of the kernel's randomness and writes it into a new file that only its
    /// owner can read.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn generate(path: &Path) -> Result<SecretKey, SignatureError> {
        let failed = |source| SignatureError::File {
            path: path.to_owned(),
            source,
        };
        let mut seed = [0; 32];
        File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut seed))
            .map_err(failed)?;
        let mut line = SECRET.to_owned();
        for byte in seed {
            line.push_str(&format!("{byte:02x}"));
        }
        line.push('\n');
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| {
                file.write_all(line.as_bytes())?;
                file.sync_all()
            })
            .map_err(failed)?;
        Ok(SecretKey(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key from its file.
    ///
    /// # Errors
    /// It cannot be read, others can read it too, or it holds no key.
    pub fn read(path: &Path) -> Result<SecretKey, SignatureError> {
        let failed = |source| SignatureError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(SignatureError::Exposed(path.to_owned()));
        }
        let mut text = String::new();
        file.take(MAX_KEY_FILE)
            .read_to_string(&mut text)
            .map_err(failed)?;
        text.trim_end()
            .strip_prefix(SECRET)
            .and_then(hex)
            .map(|seed| SecretKey(SigningKey::from_bytes(&seed)))
            .ok_or_else(|| SignatureError::SecretKey(path.to_owned()))
    }

    /// The key by which its owner is known.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

/// 32 bytes as 64 hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// What is signed for these bytes.
fn message(unsigned: &[u8]) -> Vec<u8> {
    [DOMAIN, &Digest::of(unsigned).0].concat()
}

/// Splits a component that ends in a signature in front of that.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (unsigned, tail) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
    let (head, content) = tail.split_at(TAIL - CONTENT);
    let named =
        head[..3] == [0, BODY as u8, SECTION.len() as u8] && &head[3..] == SECTION.as_bytes();
    named.then_some((unsigned, content))
}

/// A component without the signature at its end.
pub(super) fn unsigned(component: &[u8]) -> &[u8] {
    split(component).map_or(component, |(unsigned, _)| unsigned)
}

/// Signs a component, in place of an earlier signature.
pub fn sign(mut component: Vec<u8>, key: &SecretKey) -> Vec<u8> {
    while let Some((unsigned, _)) = split(&component) {
        component.truncate(unsigned.len());
    }
    let signature = key.0.sign(&message(&component));
    component.extend([0, BODY as u8, SECTION.len() as u8]);
    component.extend(SECTION.as_bytes());
    component.push(FORM);
    component.extend(key.public().0);
    component.extend(signature.to_bytes());
    component
}

/// Signs the component in a file; who reads it meanwhile finds it whole.
///
/// # Errors
/// It cannot be read or written.
pub fn sign_file(path: &Path, key: &SecretKey) -> Result<(), SignatureError> {
    let failed = |source| SignatureError::File {
        path: path.to_owned(),
        source,
    };
    let signed = sign(fs::read(path).map_err(failed)?, key);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".signed");
    let aside = path.with_file_name(name);
    fs::write(&aside, signed)
        .and_then(|()| fs::rename(&aside, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&aside);
        })
        .map_err(failed)
}

/// Who signed a component that has one section of that name at its top level.
///
/// # Errors
/// The signature does not hold.
pub fn verify(bytes: &[u8]) -> Result<PublicKey, SignatureError> {
    let (unsigned, content) = split(bytes).ok_or(SignatureError::Form)?;
    let Some((&FORM, content)) = content.split_first() else {
        return Err(SignatureError::Form);
    };
    let (key, signature) = content.split_at(32);
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else {
        return Err(SignatureError::Form);
    };
    VerifyingKey::from_bytes(&key)
        .and_then(|verifier| {
            // Strict: no weak keys, and one signature for one message.
            verifier.verify_strict(&message(unsigned), &Signature::from_bytes(&signature))
        })
        .map_err(|_| SignatureError::Broken)?;
    Ok(PublicKey(key))
}
