//! One row of the container table.

/// A container as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Stable for the life of the container: the id of its control group.
    pub key: u64,
    /// The runtime's id.
    pub id: String,
    /// The runtime's name of it; empty where pending or unknown.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its pod.
    pub pod: String,
    /// Its pod's namespace.
    pub namespace: String,
    /// Bits of the catalogue set `container-mark`.
    pub marks: u32,
}
