//! What is left of generations is taken apart on a thread of its own: to give back an instance's
//! memory, or compiled code, takes the kernel a while, in which a plugin would judge nothing.

use crossbeam_channel::{Sender, bounded};
use std::any::Any;

/// Most that waits to be taken apart: stops reloads without end from filling memory. What finds no
/// room is taken apart by whoever has it.
pub(super) const MAX_WAITING: usize = 16;

/// Where it is left.
#[derive(Debug, Clone)]
pub struct Remains(Sender<Box<dyn Any + Send>>);

impl Remains {
    /// Starts the thread, which ends with the last of these.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn start() -> std::io::Result<Remains> {
        let (send, receive) = bounded::<Box<dyn Any + Send>>(MAX_WAITING);
        std::thread::Builder::new()
            .name("plugin-remains".to_owned())
            .spawn(move || receive.into_iter().for_each(drop))?;
        Ok(Remains(send))
    }

    /// Leaves something.
    pub fn leave(&self, what: impl Any + Send) {
        let _ = self.0.try_send(Box::new(what));
    }
}
