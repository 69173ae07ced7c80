//! Findings as JSON, one line each.

use super::{Clock, arguments, event};
use crate::context::{container::Container, process::Process};
use crate::finding::Finding;
use crate::response::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
        "container": finding
            .process
            .as_deref()
            .and_then(|p| p.container.as_deref())
            .map(container),
        "techniques": finding.techniques,
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
                .map(|p| json!({ "action": p.action, "pid": p.target.id.pid }))
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
    json!({
        "id": container.id,
        "name": container.name,
        "image": container.image,
        "pod": container.pod,
        "namespace": container.namespace,
        "pending": container.marks & vedette_contract::values::container_mark::PENDING != 0,
    })
}
