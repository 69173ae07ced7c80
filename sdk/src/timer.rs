//! Events of kind [`TIMER`](crate::kind::TIMER) in event time, for this plugin alone. Timers are
//! set when the call returns, and outlive a trap and a reload.
//!
//! ```
//! use vedette_sdk::prelude::*;
//! use std::time::Duration;
//!
//! #[plugin]
//! #[derive(Default)]
//! struct Quiet;
//!
//! impl Plugin for Quiet {
//!     fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
//!         if let Some(due) = event.as_timer() {
//!             // For ten minutes this process has not connected to anybody.
//!             findings.raise("quiet", Severity::Info).process(due.token());
//!         } else if let Some(process) = event.as_connect().and(event.process()) {
//!             // Another one in place of the last.
//!             let _ = timer::set(process.key(), Duration::from_secs(600));
//!         }
//!     }
//! }
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::timer as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services::timer as host;

use crate::Failure;
use std::time::Duration;

/// Asks for an event with this token, which is `event.as_timer()?.token()`, once this much event time has passed; in
/// place of an earlier one with the same token.
///
/// # Errors
/// The plugin has as many timers as it may.
pub fn set(token: u64, after: Duration) -> Result<(), Failure> {
    host::set(token, crate::state::nanos(after)).map_err(Failure::from_number)
}

/// Asks for it no longer.
pub fn clear(token: u64) {
    host::clear(token);
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use crate::testkit::services;
    use std::time::Duration;

    #[test]
    fn the_last_of_a_token_counts() {
        services::reset();
        services::set_time(100);
        assert_eq!(super::set(7, Duration::from_nanos(5)), Ok(()));
        assert_eq!(super::set(7, Duration::from_nanos(9)), Ok(()));
        assert_eq!(super::set(8, Duration::ZERO), Ok(()));
        super::clear(9);
        let timers = services::seen().timers;
        assert_eq!(timers.into_iter().collect::<Vec<_>>(), [(7, 109), (8, 101)]);
        super::clear(7);
        assert_eq!(services::seen().timers.len(), 1);
    }
}
