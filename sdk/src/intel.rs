//! Lists of addresses, domains and hashes that the operator supplies.
//!
//! ```
//! use vedette_sdk::prelude::*;
//!
//! /// Why a connection is suspect, if it is.
//! fn suspect(event: Event<'_>) -> Option<String> {
//!     let address = net::ip(event.as_connect()?.address())?;
//!     // Where the operator gives no lists, nothing is listed.
//!     let hits = intel::address(address).unwrap_or_default();
//!     Some(format!("{} is in {}", hits.first()?.entry, hits.first()?.list))
//! }
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::intel as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services::intel as host;

use crate::Failure;
use crate::values::indicator;
use std::net::IpAddr;

/// An entry of a list that matches: the narrowest come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The list's name.
    pub list: String,
    /// The entry: for an address the network, for a domain the domain above it.
    pub entry: String,
    /// What the list says of it.
    pub note: String,
}

/// The entries that match an address.
///
/// # Errors
/// [`Failure::Unavailable`] where the operator gives no lists; see [`Failure`] for the others.
pub fn address(address: IpAddr) -> Result<Vec<Hit>, Failure> {
    match address {
        IpAddr::V4(address) => look_up(indicator::ADDRESS, &address.octets()),
        IpAddr::V6(address) => look_up(indicator::ADDRESS, &address.octets()),
    }
}

/// The entries that match a domain.
///
/// # Errors
/// As [`address`].
pub fn domain(name: impl AsRef<[u8]>) -> Result<Vec<Hit>, Failure> {
    look_up(indicator::DOMAIN, name.as_ref())
}

/// The entries that match a SHA-256.
///
/// # Errors
/// As [`address`].
pub fn digest(sha256: &[u8; 32]) -> Result<Vec<Hit>, Failure> {
    look_up(indicator::HASH, sha256)
}

fn look_up(kind: u32, value: &[u8]) -> Result<Vec<Hit>, Failure> {
    let hits = host::look_up(kind, value).map_err(Failure::from_number)?;
    let hit = |hit: host::Hit| Hit {
        list: hit.list,
        entry: hit.entry,
        note: hit.note,
    };
    Ok(hits.into_iter().map(hit).collect())
}
