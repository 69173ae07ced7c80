use super::*;
use crate::context::process::{Life, key};
use vedette_sensor::event::{Event, TaskRef};

fn process(pid: u32, parent: Option<Arc<Process>>, args: &[u8]) -> Arc<Process> {
    let id = TaskRef { pid, start: 1 };
    Arc::new(Process {
        key: key(id),
        id,
        depth: 0,
        parent,
        container: Some(Arc::new(Container {
            key: 5,
            id: "c5".to_owned(),
            ..Container::default()
        })),
        image_cgroups: (0, 0),
        uid: 0,
        gid: 0,
        marks: 0,
        capabilities: 0,
        namespaces: vedette_sensor::event::Namespaces::default(),
        cgroup: 0,
        cgroup_v1: 0,
        exec_id: 0,
        comm: *b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        exe: Arc::from(&b"/bin/sh"[..]),
        image: Arc::new(Image {
            args: args.into(),
            args_len: args.len() as u32,
            ..Image::default()
        }),
        streams: Arc::from(vec![Stream {
            fd: 1,
            address: b"/dev/null".as_slice().into(),
            ..Stream::default()
        }]),
        life: Life::default(),
        revision: 0,
    })
}

fn record(kind: u16, process: &Arc<Process>, target: Option<&Arc<Process>>) -> Arc<Record> {
    Arc::new(Record {
        event: Event {
            kind,
            text: b"secret".as_slice().into(),
            ..Event::default()
        },
        process: Some(process.clone()),
        target: target.cloned(),
    })
}

fn text(batch: &Batch, span: Span) -> &[u8] {
    &batch.text[span.start as usize..][..span.len as usize]
}

fn build(fields: &[Sensitive], records: &[Arc<Record>]) -> (Arc<Batch>, usize) {
    Builder::new(&fields.iter().copied().collect()).build(records, |_| {})
}

#[test]
fn rows_stand_once_and_link_the_whole_lineage() {
    let mut parent = None;
    for pid in 1..=40 {
        parent = Some(process(pid, parent, b"x"));
    }
    let deep = parent.expect("made");
    let sibling = process(100, deep.parent.clone(), b"y");
    let records = [
        record(kind::EXEC, &deep, Some(&sibling)),
        record(kind::EXEC, &sibling, None),
        record(kind::EXEC, &deep, None),
    ];
    let mut sent = Vec::new();
    let mut builder = Builder::new(&Sensitive::ALL.into());
    let (batch, count) = builder.build(&records, |process| sent.push(process.id.pid));
    assert_eq!(count, 3);
    assert_eq!(batch.processes.len(), 41);
    assert_eq!(sent.len(), 41);
    assert_eq!(batch.events[0].process, batch.events[2].process);
    assert_eq!(batch.events[0].target, batch.events[1].process);
    assert_eq!(batch.events[1].target, NONE);
    let mut row = batch.events[1].process;
    let mut pids = Vec::new();
    while row != NONE {
        pids.push(batch.processes[row as usize].pid);
        row = batch.processes[row as usize].parent;
    }
    assert_eq!(pids[0], 100);
    assert_eq!(pids[1..], (1..=39).rev().collect::<Vec<_>>());
    let first = &batch.processes[batch.events[0].process as usize];
    assert_eq!(text(&batch, first.args), b"x");
    assert_eq!(text(&batch, first.comm), b"sh");
    let stream = &batch.streams[first.streams.first as usize];
    assert_eq!(text(&batch, stream.address), b"/dev/null");
    let container = &batch.containers[first.container as usize];
    assert_eq!(text(&batch, container.id), b"c5");
}

#[test]
fn a_batch_does_not_remember_the_one_before() {
    let one = process(1, None, b"x");
    let mut builder = Builder::new(&BTreeSet::new());
    for _ in 0..3 {
        let (batch, _) = builder.build(&[record(kind::EXEC, &one, None)], |_| {});
        assert_eq!((batch.processes.len(), batch.events.len()), (1, 1));
        builder.reuse(batch);
    }
}

#[test]
fn sensitive_fields_are_empty_without_the_right() {
    let one = process(1, None, b"password");
    let records = [
        record(kind::SENT, &one, None),
        record(kind::OPEN, &one, None),
    ];
    let (batch, _) = build(&[], &records);
    assert_eq!(batch.processes[0].args.len + batch.processes[0].args_len, 0);
    assert_eq!(text(&batch, batch.events[0].text), b"");
    assert_eq!(text(&batch, batch.events[1].text), b"secret");
    assert!(!batch.text.windows(8).any(|w| w == b"password"));
    let (batch, _) = build(&Sensitive::ALL, &records);
    assert_eq!(text(&batch, batch.processes[0].args), b"password");
    assert_eq!(batch.processes[0].args_len, 8);
    assert_eq!(text(&batch, batch.events[0].text), b"secret");
}

#[test]
fn a_batch_ends_before_it_fills_a_plugin() {
    let records: Vec<_> = (1..=64)
        .map(|pid| record(kind::EXEC, &process(pid, None, &[b'a'; 100_000]), None))
        .collect();
    let (batch, count) = build(&Sensitive::ALL, &records);
    assert!((2..64).contains(&count), "{count}");
    assert!(batch.text.len() < 2 * MAX_TEXT);
    assert_eq!(batch.events.len(), count);
}

#[test]
fn an_event_without_a_process_has_none() {
    let tick = Arc::new(Record {
        event: Event {
            kind: kind::TICK,
            ..Event::default()
        },
        process: None,
        target: None,
    });
    let (batch, _) = build(&[], &[tick]);
    assert_eq!(
        (batch.events[0].process, batch.events[0].target),
        (NONE, NONE)
    );
}
