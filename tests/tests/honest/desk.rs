//! Where honest work is done.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};
use vedette_tests::{
    process::{Mark, wait_for},
    remote_shell::spawn_script,
    tools::{Names, Place, Tools},
};

/// Builds and package managers take their time.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Where some work is done: tools, a directory, and the certainty that nothing of it is left.
pub struct Desk {
    pub tools: Tools,
    pub mark: Mark,
}

impl Desk {
    pub fn new(names: Names) -> Self {
        Self {
            tools: Tools::new(Place::Host, names),
            mark: Mark::new(),
        }
    }

    pub fn get(&self, name: &str) -> String {
        self.tools.get(name)
    }

    /// A file that is there already.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.tools.scratch(name);
        fs::create_dir_all(
            std::path::Path::new(&path)
                .parent()
                .expect("it lies in a directory"),
        )
        .expect("an own directory");
        fs::write(&path, content).expect("an own directory");
        path
    }

    pub fn executable(&self, name: &str, content: &str) -> String {
        let path = self.file(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("an own file");
        path
    }

    /// Runs a script to its end; it fails with its first command that fails.
    pub fn work(&self, script: &str) -> Result<String, String> {
        let mut child = spawn_script(&format!("set -e\n{script}\n"), &self.tools, &self.mark);
        let status = wait_for(LIMIT, || child.try_wait().expect("it is our child"));
        let log = fs::read_to_string(self.tools.scratch("log")).unwrap_or_default();
        match status {
            Some(status) if status.success() => Ok(log),
            Some(status) => Err(format!("{status}: {log}")),
            None => Err(format!("it hangs: {log}")),
        }
    }

    /// The same for work that must succeed.
    pub fn done(&self, script: &str) -> String {
        self.work(script).unwrap_or_else(|error| {
            panic!(
                "the work fails ({:?} names): {error}\n{script}",
                self.tools.names()
            )
        })
    }
}
