//! What other languages' builders need: tools in the user's cache directory, and a place where the
//! pieces of a component are laid together.

use super::BuildError;
use crate::{author::sdk, manifest::Manifest};
use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// The world of a component that is built.
pub(super) const WORLD: &str = "component";

/// Marks that a tool's directory is whole.
const READY: &str = ".ready";

/// Tells the author what takes its time.
pub(super) fn say(what: &str) {
    anstream::eprintln!("vedette: {what}");
}

/// Where a tool's output goes: stdout is for the command's own.
pub(super) fn to_stderr() -> Stdio {
    use std::os::fd::AsFd;
    io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map_or_else(|_| Stdio::null(), Stdio::from)
}

/// A file operation of the build's own failed.
fn broken(path: &Path, doing: &str, error: &io::Error) -> BuildError {
    BuildError::Tools {
        message: format!("{}: {doing}: {error}", path.display()),
    }
}

/// Runs a command; its output goes to stderr. The error says how it ended.
pub(super) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).stdout(to_stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed ({status})")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("is not there".to_owned()),
        Err(error) => Err(format!("does not run: {error}")),
    }
}

/// A tool that is not there, in words for the author.
pub(super) fn missing(message: &str) -> BuildError {
    BuildError::Tools {
        message: message.to_owned(),
    }
}

/// The directory for tools: `$VEDETTE_TOOLS`, or `vedette/tools` in the user's cache directory.
pub(super) fn directory() -> Result<PathBuf, BuildError> {
    let absolute = |name: &str| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute("VEDETTE_TOOLS")
        .or_else(|| Some(absolute("XDG_CACHE_HOME")?.join("vedette/tools")))
        .or_else(|| Some(absolute("HOME")?.join(".cache/vedette/tools")))
        .ok_or_else(|| BuildError::Tools {
            message: "no place for the tools that build plugins: set VEDETTE_TOOLS to a directory"
                .to_owned(),
        })
}

/// The directory of a tool, which is set up there first if it is not. Of two builds at the same
/// time one sets it up, and the other waits.
pub(super) fn ready(
    name: &str,
    set_up: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<PathBuf, BuildError> {
    let tools = directory()?;
    let tool = tools.join(name);
    if tool.join(READY).exists() {
        return Ok(tool);
    }
    fs::create_dir_all(&tools).map_err(|e| broken(&tools, "cannot be made", &e))?;
    let lock = tools.join(format!("{name}.lock"));
    let file = fs::File::create(&lock).map_err(|e| broken(&lock, "cannot be made", &e))?;
    file.lock()
        .map_err(|e| broken(&lock, "cannot be locked", &e))?;
    if !tool.join(READY).exists() {
        set_up(&tool)?;
        let mark = tool.join(READY);
        fs::write(&mark, "").map_err(|e| broken(&mark, "cannot be written", &e))?;
    }
    Ok(tool)
}

/// Writes a file whole beside its place and moves it there: another build may be reading it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&aside, bytes)
        .and_then(|()| fs::rename(&aside, path))
        .map_err(|e| broken(path, "cannot be written", &e))
}

/// A directory in which a component is put together, and which goes with this value.
pub(super) struct Stage(PathBuf);

impl Stage {
    pub(super) fn new() -> Result<Stage, BuildError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let path = directory()?.join(format!("stage-{}-{number}", std::process::id()));
        // What a build left that was killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|e| broken(&path, "cannot be made", &e))?;
        Ok(Stage(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
        let path = self.0.join(path);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|e| broken(&path, "cannot be written", &e))
    }

    /// The contract, and the world with just what the manifest declares: a component of an
    /// interpreter imports all that its world has.
    pub(super) fn write_world(
        &self,
        manifest: &Manifest,
        snapshot: bool,
    ) -> Result<(), BuildError> {
        let version = vedette_contract::VERSION;
        let mut world = format!("package vedette:build;\nworld {WORLD} {{\n");
        // Writing to a String cannot fail.
        for service in &manifest.services {
            let _ = writeln!(world, "import vedette:detect/{}@{version};", service.name());
        }
        let _ = writeln!(world, "export vedette:detect/detector@{version};");
        if snapshot {
            let _ = writeln!(world, "export vedette:detect/snapshot@{version};");
        }
        world.push_str("}\n");
        self.write(Path::new("wit/world.wit"), world.as_bytes())?;
        for (name, bytes) in sdk::below("wit/").filter(|(name, _)| *name == "detect.wit") {
            self.write(&Path::new("wit/deps/detect").join(name), bytes)?;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Left behind it is only a few files in the cache.
        let _ = fs::remove_dir_all(&self.0);
    }
}
