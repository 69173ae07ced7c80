//! What a plugin may ask for beyond events: host services and sensitive fields.

use serde::{Deserialize, Serialize};

/// A host service that a plugin may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Lines in the agent's log.
    Log,
    /// Counters and gauges.
    Metrics,
    /// Keys that survive a trap and a reload.
    State,
    /// What the agent knows beyond a batch: processes, containers, open sockets.
    Context,
    /// Facts on the files that events are about.
    File,
    /// The operator's lists of addresses, domains and hashes.
    Intel,
    /// Events of kind `timer` at a time of the plugin's choice.
    Timer,
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 7] = [
        Service::Log,
        Service::Metrics,
        Service::State,
        Service::Context,
        Service::File,
        Service::Intel,
        Service::Timer,
    ];

    /// Its name in manifests and in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Service::Log => "log",
            Service::Metrics => "metrics",
            Service::State => "state",
            Service::Context => "context",
            Service::File => "file",
            Service::Intel => "intel",
            Service::Timer => "timer",
        }
    }

    /// The service with this name.
    pub fn by_name(name: &str) -> Option<Service> {
        Service::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether it looks at the machine on the plugin's behalf, beyond the events that it is sent.
    pub fn is_sensitive(self) -> bool {
        matches!(self, Service::File | Service::Context)
    }
}

/// A field that a plugin sees only if it asks and the operator grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitive {
    /// Command lines of processes.
    Arguments,
    /// Environment variables of processes. No kind carries any yet: the name is there so that a
    /// grant of today does not come to mean more when one does.
    Environment,
    /// Bytes sent on connections.
    Payload,
}

impl Sensitive {
    /// Every sensitive field.
    pub const ALL: [Sensitive; 3] = [
        Sensitive::Arguments,
        Sensitive::Environment,
        Sensitive::Payload,
    ];

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Sensitive::Arguments => "arguments",
            Sensitive::Environment => "environment",
            Sensitive::Payload => "payload",
        }
    }

    /// The field with this name.
    pub fn by_name(name: &str) -> Option<Sensitive> {
        Sensitive::ALL.into_iter().find(|f| f.name() == name)
    }
}
