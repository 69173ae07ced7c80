//! What OCI runtimes (runc, crun) leave about a container: where its bundle is.

use serde::Deserialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the runtimes keep a directory for each container, by who calls them.
const ROOTS: [&str; 4] = [
    "/run/runc",
    "/run/crun",
    "/run/docker/runtime-runc/moby",
    "/run/docker/runtime-runc",
];

/// Where containerd lets runc keep them, with a directory for each of its own namespaces.
const CONTAINERD_ROOT: &str = "/run/containerd/runc";

/// runc's `state.json`; the bundle is a label of the form `bundle=PATH`.
#[derive(Deserialize)]
struct State {
    config: StateConfig,
}

#[derive(Deserialize)]
struct StateConfig {
    #[serde(default)]
    labels: Vec<String>,
}

/// crun's `status`.
#[derive(Deserialize)]
struct Status {
    bundle: PathBuf,
}

/// A container's directory with a runtime, which it makes before the container's control group.
pub fn directory(id: &str) -> Option<PathBuf> {
    if id.contains('/') || id.starts_with('.') {
        return None;
    }
    let below = std::fs::read_dir(CONTAINERD_ROOT).into_iter().flatten();
    let below = below.flatten().map(|entry| entry.path());
    let roots = ROOTS.into_iter().map(PathBuf::from).chain(below);
    roots
        .map(|root| root.join(id))
        .find(|directory| directory.is_dir())
}

/// The bundle as the runtime remembers it, from a while after the control group on.
pub fn bundle(directory: &Path) -> Option<PathBuf> {
    if let Some(state) = super::file::json::<State>(&directory.join("state.json")) {
        let mut labels = state.config.labels.iter();
        return labels
            .find_map(|l| l.strip_prefix("bundle="))
            .map(PathBuf::from);
    }
    super::file::json::<Status>(&directory.join("status")).map(|status| status.bundle)
}

/// The bundle that a runtime was called with, by its command line and where it was called:
/// known before the runtime has written anything.
pub fn bundle_of_call(args: &[u8], cwd: &[u8]) -> Option<PathBuf> {
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let cwd = path(cwd);
    let mut args = args.split(|b| *b == 0);
    while let Some(arg) = args.next() {
        let value = match arg {
            b"--bundle" | b"-b" => args.next(),
            _ => arg.strip_prefix(b"--bundle="),
        };
        if let Some(value) = value {
            return Some(cwd.join(path(value)));
        }
    }
    cwd.is_absolute().then_some(cwd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_on_the_command_line_or_where_the_runtime_was_called() {
        let bundle = |args: &[u8]| bundle_of_call(args, b"/srv").unwrap();
        assert_eq!(bundle(b"runc\0run\0one"), Path::new("/srv"));
        assert_eq!(bundle(b"runc\0create\0--bundle\0/b\0one"), Path::new("/b"));
        assert_eq!(bundle(b"runc\0run\0-b\0here\0one"), Path::new("/srv/here"));
        assert_eq!(bundle(b"runc\0run\0--bundle=/b\0one"), Path::new("/b"));
        assert_eq!(bundle_of_call(b"runc", b""), None);
    }

    #[test]
    fn the_state_of_either_runtime_names_the_bundle() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(bundle(root.path()), None);
        std::fs::write(root.path().join("status"), r#"{"pid":1,"bundle":"/c"}"#).unwrap();
        assert_eq!(bundle(root.path()).unwrap(), Path::new("/c"));
        let state = r#"{"id":"one","config":{"labels":["a=b","bundle=/r"]}}"#;
        std::fs::write(root.path().join("state.json"), state).unwrap();
        assert_eq!(bundle(root.path()).unwrap(), Path::new("/r"));
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        assert_eq!(directory(".."), None);
        assert_eq!(directory("../containers"), None);
    }
}
