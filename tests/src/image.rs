//! An image of three static programs for engines that want one, made without any registry: a
//! shell, a program called `portrait` that ends at once, and what both need.

use crate::tools;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Its name in every engine.
pub const NAME: &str = "localhost/portrait:1";

/// The program that a test's plugin tells of when it is executed.
pub const PORTRAIT: &str = "/bin/portrait";

/// Fills a directory with the image's root file system.
///
/// # Panics
/// Where a program is missing or the directory is not writable.
pub fn rootfs(root: &Path) {
    for directory in ["bin", "dev", "etc", "proc", "run", "sys", "tmp"] {
        fs::create_dir_all(root.join(directory)).expect("an own directory");
    }
    let busybox = tools::find("busybox").expect("busybox is installed");
    fs::copy(busybox, root.join("bin/busybox")).expect("an own directory");
    for applet in ["sh", "sleep"] {
        let link = root.join("bin").join(applet);
        std::os::unix::fs::symlink("busybox", link).expect("an own directory");
    }
    let portrait = tools::build_program("portrait");
    fs::copy(portrait, root.join("bin/portrait")).expect("an own directory");
}

/// The root file system as a tape archive.
///
/// # Panics
/// Where tar fails.
pub fn layer(directory: &Path) -> PathBuf {
    let root = directory.join("rootfs");
    rootfs(&root);
    let layer = directory.join("layer.tar");
    let packed = Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&layer)
        .arg(".")
        .status();
    assert!(packed.is_ok_and(|status| status.success()), "tar fails");
    layer
}

/// The image as `docker save` writes it. Without a command it sleeps, as the image of a pod's
/// sandbox does.
///
/// # Panics
/// Where tar or sha256sum fails.
pub fn archive(directory: &Path) -> PathBuf {
    let work = TempDir::with_prefix("vedette-image-").expect("a temporary directory");
    let layer = layer(work.path());
    let sum = Command::new("sha256sum").arg(&layer).output();
    let sum = String::from_utf8(sum.expect("coreutils").stdout).expect("hexadecimal");
    let digest = sum.split_whitespace().next().expect("a digest");
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/bin/sleep", "600"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    });
    let manifest = serde_json::json!([
        {"Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"]},
    ]);
    let write = |name: &str, json: serde_json::Value| {
        fs::write(work.path().join(name), json.to_string()).expect("an own directory");
    };
    write("config.json", config);
    write("manifest.json", manifest);
    let archive = directory.join("image.tar");
    let packed = Command::new("tar")
        .arg("-C")
        .arg(work.path())
        .arg("-cf")
        .arg(&archive)
        .args(["manifest.json", "config.json", "layer.tar"])
        .status();
    assert!(packed.is_ok_and(|status| status.success()), "tar fails");
    archive
}
