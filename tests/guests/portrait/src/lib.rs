//! Tells of every event which container it happened in, as the plugin's tables have it.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin",
    generate_all,
});

use exports::vedette::detect::detector;
use vedette::detect::types::{Batch, Container, Event, Evidence, Finding, Severity, Span};

/// Number of a label among a container's attributes.
const LABEL: u32 = 5;

struct Portrait;

export!(Portrait);

impl detector::Guest for Portrait {
    fn init(_config: String) -> Result<(), String> {
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        let events = batch.events.iter();
        events.map(|event| tell(&batch, event)).collect()
    }
}

fn tell(batch: &Batch, event: &Event) -> Finding {
    let process = &batch.processes[event.process as usize];
    let message = match batch.containers.get(process.container as usize) {
        Some(container) => describe(batch, container),
        None => "in no container".to_owned(),
    };
    Finding {
        rule: "portrait".to_owned(),
        severity: Severity::Low,
        confidence: 100,
        process: process.key,
        message,
        evidence: vec![Evidence {
            event: event.id,
            note: "executed".to_owned(),
        }],
        dedup: event.id.to_string(),
        proposals: Vec::new(),
        container: 0,
        details: Vec::new(),
    }
}

fn describe(batch: &Batch, container: &Container) -> String {
    let text = |span: Span| {
        let (start, len) = (span.start as usize, span.len as usize);
        String::from_utf8_lossy(&batch.text[start..start + len]).into_owned()
    };
    let (first, count) = (container.attrs.first as usize, container.attrs.count as usize);
    let attrs = &batch.attrs[first..first + count];
    let labels = attrs.iter().filter(|attr| attr.key == LABEL);
    let labels: Vec<String> = labels.map(|attr| text(attr.text)).collect();
    format!(
        "id={} name={} pod={} labels={}",
        text(container.id),
        text(container.name),
        text(container.pod),
        labels.join(",")
    )
}
