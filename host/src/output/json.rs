//! Findings as JSON, one line each.

use super::{Clock, arguments, event};
use crate::context::container::{Container, attr};
use crate::context::process::Process;
use crate::finding::Finding;
use crate::record::Record;
use crate::response::Response;
use crate::runtimes::CAPABILITIES;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vedette_contract::sets;
use vedette_contract::values::container_mark;

/// A finding with what was done about it. The fields are those of docs/findings.md.
pub fn finding(finding: &Finding, response: &[Response], clock: &Clock) -> Value {
    json!({
        "time": clock.rfc3339(finding.at),
        "id": id(finding),
        "plugin": &*finding.plugin,
        "version": &*finding.version,
        "rule": finding.rule,
        "title": finding.title,
        "category": finding.category,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "message": finding.message,
        "process": finding.process.as_deref().map(process),
        "container": finding.container().as_deref().map(container),
        "techniques": finding.techniques,
        "details": finding
            .details
            .iter()
            .map(|d| (d.key.clone(), Value::from(d.value.as_str())))
            .collect::<serde_json::Map<_, _>>(),
        "evidence": finding
            .evidence
            .iter()
            .map(|e| match &e.record {
                Some(record) => event::record(record, Some(&e.note)),
                None => json!({ "id": format!("{:x}", e.event), "note": e.note }),
            })
            .collect::<Vec<_>>(),
        "response": {
            "proposed": finding
                .proposals
                .iter()
                .map(|p| {
                    let event = p.event.as_ref().map(|e| format!("{:x}", e.event.id));
                    json!({ "action": p.action, "pid": p.target.id.pid, "event": event })
                })
                .collect::<Vec<_>>(),
            "decided": response
                .iter()
                .map(|r| json!({ "action": r.proposed, "pid": r.pid, "decision": r.decided }))
                .collect::<Vec<_>>(),
            "done": response
                .iter()
                .map(|r| json!({ "action": r.proposed, "pid": r.pid, "result": r.done }))
                .collect::<Vec<_>>(),
        },
    })
}

/// An event with the lineage and the container of who did it. The fields are those of
/// docs/events.md.
pub fn event(record: &Record, clock: &Clock) -> Value {
    let mut value = event::record(record, None);
    let row = record.process.as_deref();
    value["time"] = json!(clock.rfc3339(record.event.at));
    value["marks"] = json!(
        sets::EVENT_MARK
            .names_of(record.event.marks)
            .collect::<Vec<_>>()
    );
    value["process"] = json!(row.map(process));
    value["target"] = json!(record.target.as_deref().map(process));
    value["container"] = json!(row.and_then(|p| p.container.as_deref()).map(container));
    value
}

/// The finding's id: the same whenever the same events lead to it.
pub fn id(finding: &Finding) -> String {
    let mut hash = Sha256::new();
    for part in [&*finding.plugin, &finding.rule, &finding.dedup] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(finding.process.as_ref().map_or(0, |p| p.key).to_le_bytes());
    hash.update(finding.at.to_le_bytes());
    hash.finalize()[..8]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn process(process: &Process) -> Value {
    json!({
        "pid": process.id.pid,
        "start": process.id.start,
        "exe": String::from_utf8_lossy(&process.exe),
        "args": arguments(&process.image.args)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>(),
        "cwd": String::from_utf8_lossy(&process.image.cwd),
        "uid": process.uid,
        "ancestors": process
            .lineage()
            .skip(1)
            .map(|p| json!({ "pid": p.id.pid, "exe": String::from_utf8_lossy(&p.exe) }))
            .collect::<Vec<_>>(),
    })
}

fn container(container: &Container) -> Value {
    let text = |key| String::from_utf8_lossy(container.text(key));
    let has = |mark| container.marks & mark != 0;
    let labels = container.texts(attr::LABEL).map(String::from_utf8_lossy);
    let labels = labels.filter_map(|label| {
        let (key, value) = label.split_once('=')?;
        Some((key.to_owned(), Value::from(value)))
    });
    let mounts = container.texts(attr::MOUNT).map(String::from_utf8_lossy);
    let shared = [
        ("pid", container_mark::HOST_PID),
        ("network", container_mark::HOST_NETWORK),
        ("ipc", container_mark::HOST_IPC),
        ("user", container_mark::HOST_USER),
    ];
    let shared = shared.iter().filter(|(_, mark)| has(*mark));
    let outer = text(attr::OUTER);
    json!({
        "id": container.id,
        "name": container.name,
        "image": container.image,
        "digest": text(attr::DIGEST),
        "pod": container.pod,
        "namespace": container.namespace,
        "pod_uid": text(attr::POD_UID),
        "labels": labels.collect::<serde_json::Map<_, _>>(),
        "privileged": has(container_mark::PRIVILEGED),
        "capabilities": container.capabilities().map(capabilities),
        "mounts": mounts.collect::<Vec<_>>(),
        "host_namespaces": shared.map(|(name, _)| *name).collect::<Vec<_>>(),
        "sandbox": has(container_mark::SANDBOX),
        "outer": if outer.is_empty() { None } else { Some(outer) },
        "runtime": text(attr::RUNTIME),
        "pending": container.is_pending(),
    })
}

/// Names of the capabilities in a set.
fn capabilities(set: u64) -> Vec<String> {
    let numbers = (0..64).filter(|n| set >> n & 1 == 1);
    numbers
        .map(|n| match CAPABILITIES.get(n) {
            Some(name) => format!("CAP_{name}"),
            None => n.to_string(),
        })
        .collect()
}
