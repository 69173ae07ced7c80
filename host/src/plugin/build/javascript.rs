//! placeholder

use super::BuildError;
use crate::manifest::Manifest;
use std::path::Path;

pub(super) fn component_of(_: &Path, _: &Manifest) -> Result<Vec<u8>, BuildError> {
    Err(BuildError::Componentize("componentize-js"))
}
