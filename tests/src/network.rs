//! Network namespaces: the machine's own, or a private one with nothing but loopback.

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::{fs::File, os::fd::AsFd, os::fd::AsRawFd, path::PathBuf, process::Command, thread};

/// A network namespace. A private one ends with its last process and this handle.
#[derive(Debug)]
pub struct Network {
    namespace: Option<File>,
}

impl Network {
    /// The one that the tests run in.
    pub fn host() -> Self {
        Self { namespace: None }
    }

    /// A new one, with loopback up.
    ///
    /// # Panics
    /// When not root.
    pub fn private() -> Self {
        let namespace = thread::spawn(|| {
            // SAFETY: the file table stays shared; the thread ends here and is the only one moved.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
                .expect("root can make namespaces");
            let status = Command::new("ip")
                .args(["link", "set", "lo", "up"])
                .status();
            assert!(
                status.expect("iproute2 is installed").success(),
                "loopback comes up"
            );
            File::open("/proc/thread-self/ns/net").expect("the thread's own namespace opens")
        });
        Self {
            namespace: Some(namespace.join().expect("the network namespace is made")),
        }
    }

    /// Calls `act` on a thread inside the namespace: sockets and processes that it makes stay there.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let Some(namespace) = &self.namespace else {
            return act();
        };
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root can enter namespaces");
                act()
            });
            inside.join().expect("nothing panics inside the namespace")
        })
    }

    /// Where a container runtime finds it; none for the host's.
    pub fn path(&self) -> Option<PathBuf> {
        let file = self.namespace.as_ref()?;
        Some(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into())
    }
}
