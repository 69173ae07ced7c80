//! What a guest reads is what the host wrote, field by field.

mod support;

use std::sync::Arc;
use support::*;
use vedette::{
    context::process::Process,
    manifest::Sensitive,
    plugin::{HostOptions, batch::Builder},
    record::Record,
};
use vedette_contract::kind;
use vedette_sensor::event::{Attr, Event, Image, Stream, Task, TaskRef};

#[test]
fn a_guest_reads_what_the_host_wrote() {
    // No two numbers are the same, and all use their upper halves.
    let far = |n: u64| n << 56 | n << 32 | n;
    let row = process(
        0x8000_0001,
        Some(process(2, None, "parent", false)),
        "some\0arguments",
        true,
    );
    let row = Arc::new(Process {
        uid: 0x8000_0003,
        gid: 0x8000_0004,
        marks: 0x8000_0005,
        capabilities: far(6),
        image: Arc::new(Image {
            inode: far(23),
            device: far(24),
            ..(*row.image).clone()
        }),
        streams: Arc::from(vec![Stream {
            fd: 0x8000_0007,
            kind: 0x8000_0008,
            marks: 0x8000_0009,
            port: 0x8000_000a,
            id: far(11),
            other: far(12),
            address: b"address".as_slice().into(),
        }]),
        ..(*row).clone()
    });
    let record = Arc::new(Record {
        event: Event {
            kind: kind::EXEC,
            marks: 0x8000_000d,
            id: far(14),
            at: far(15),
            task: Task {
                process: TaskRef { pid: 1, start: 1 },
                tid: 0x8000_0010,
                ..Task::default()
            },
            ret: -17,
            a: far(18),
            b: far(19),
            c: far(20),
            text: b"/do/echo".as_slice().into(),
            text2: b"second".as_slice().into(),
            attrs: vec![Attr {
                key: 0x8000_0015,
                value: far(22),
                text: b"attribute".as_slice().into(),
            }],
            ..Event::default()
        },
        process: Some(row),
        target: None,
    });
    let (batch, _) = Builder::new(&[Sensitive::Arguments].into()).build([&record], |_| {});
    let (mut host, outcomes) =
        host_with(&[("p.wasm", plugin("probe", &[]))], HostOptions::default());
    offer(&mut host, &record);
    host.drain();
    let read: Vec<String> = findings(&outcomes).into_iter().map(|f| f.message).collect();
    let written = [
        format!("{:?}", batch.events[0]),
        // The guest's bindings show the contract's name of the field.
        format!("{:?}", batch.processes[0]).replace("args_len", "args-len"),
        format!("{:?}", batch.streams[0]),
        format!("{:?}", batch.containers[0]),
        format!("{:?}", batch.attrs[0]),
    ];
    assert_eq!(read, written);
}
