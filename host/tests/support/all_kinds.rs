//! An event of each kind, for all that a plugin can see of one.

use vedette_contract::{KINDS, Slot, Type, kind, values};
use vedette_sensor::event::{Attr, Event, Image, Stream, Task, TaskRef};

/// An event of each kind with something else in every slot, most of it no text.
pub fn events() -> Vec<Event> {
    let mut events = vec![existing(10, 1), existing(11, 10), existing(12, 11)];
    for round in 0..3u64 {
        for (n, kind) in KINDS.iter().enumerate() {
            let id = events.len() as u64;
            let n = n as u64;
            let mut event = Event {
                kind: kind.number,
                marks: 1 << (n % 7),
                id,
                at: 1_000_000_000 + id * 7_000_000,
                task: task(10 + (n % 3) as u32, 1),
                target: kind
                    .fields
                    .iter()
                    .any(|f| f.slot == Slot::Target)
                    .then(|| reference(10 + (n % 2) as u32)),
                ret: if round == 2 { -13 } else { n as i32 },
                a: (n << 32) | (0xffff_ff00 + n),
                b: u64::MAX - n,
                c: (1 << 63) | n,
                text: text(n, round),
                text2: b"/\xc3\x28/\xe2\x82".as_slice().into(),
                ..Event::default()
            };
            for field in kind.fields {
                if let Slot::Attr(key) | Slot::AttrText(key) = field.slot {
                    event.attrs.push(Attr {
                        key,
                        value: n << 40 | 5,
                        text: b"\x80attr".as_slice().into(),
                    });
                }
                if matches!(field.ty, Type::Address) && field.slot == Slot::Text && round > 0 {
                    event.text = addresses()[(n % 4) as usize].as_slice().into();
                }
            }
            // Lives go on to the end of the story.
            if kind.number == kind::EXIT || kind.number == kind::EXISTING {
                continue;
            }
            if kind.number == kind::EXEC {
                event.image = Some(Box::new(image(b"/usr/bin/busybox\0sh\0\xff\xfe\0", 3)));
            }
            events.push(event);
        }
    }
    events.push(Event {
        kind: kind::EXIT,
        id: 9999,
        at: 9_000_000_000,
        task: task(12, 11),
        ..Event::default()
    });
    events
}

/// What the machine answered about the first exec, as a capture keeps it.
pub fn answers(events: &[Event]) -> Vec<Event> {
    let exec = events.iter().find(|event| event.kind == kind::EXEC);
    let exec = exec.expect("there are several");
    let (path, image) = (values::file_role::PATH, values::file_role::IMAGE);
    let key = vedette::context::process::key(exec.task.process);
    let socket = r#"[{"fd":3,"kind":6,"marks":1,"family":2,"inode":77,"local":[10,0,0,1],"remote":[255,0,0,2],"local_port":1,"remote_port":443}]"#;
    let digest = format!("{:?}", "ef".repeat(32));
    let answers = [
        (format!("context.sockets {key}"), format!("ok 0\n{socket}")),
        (format!("file.sha256 {path}"), format!("ok 9\n{digest}")),
        (format!("file.head {image} 4"), "ok 4\n\x7fELF".to_owned()),
        (
            format!("file.stat {path}"),
            format!("failure {} 0\n", values::failure::CHANGED),
        ),
    ];
    let kept = answers
        .into_iter()
        .enumerate()
        .map(|(n, (question, answer))| Event {
            kind: kind::ANSWER,
            id: 20_000 + n as u64,
            at: 9_000_000_001,
            a: exec.id,
            text: format!("conformance {question}").into_bytes().into(),
            text2: answer.into_bytes().into(),
            ..Event::default()
        });
    kept.collect()
}

fn text(n: u64, round: u64) -> Box<[u8]> {
    match (n + round) % 4 {
        0 => b"/tmp/\xff\xfe".as_slice().into(),
        1 => "/tmp/ü".as_bytes().into(),
        2 => b"\xef\xbb\xbf/\xf0\x9f\x98".as_slice().into(),
        _ => b"".as_slice().into(),
    }
}

fn addresses() -> [Vec<u8>; 4] {
    let mapped = [&[0; 10][..], &[0xff, 0xff, 10, 0, 0, 1]].concat();
    let mut v6 = vec![0; 16];
    v6[..2].copy_from_slice(&[0x20, 0x01]);
    v6[9] = 1;
    v6[15] = 0x1f;
    [vec![192, 168, 0, 1], mapped, v6, b"/run/\xff.sock".to_vec()]
}

fn reference(pid: u32) -> TaskRef {
    TaskRef {
        pid,
        start: u64::from(pid) * 1000,
    }
}

fn task(pid: u32, parent: u32) -> Task {
    Task {
        process: reference(pid),
        parent: reference(parent),
        tid: pid + 1000,
        exec_id: 1,
        uid: 1000 + pid,
        gid: 2000 + pid,
        capabilities: u64::MAX >> pid,
        comm: *b"c\xff\xfemm\0\0\0\0\0\0\0\0\0\0\0",
        ..Task::default()
    }
}

fn image(args: &[u8], class: u32) -> Image {
    let addresses = addresses();
    let stream = |fd: u32, kind: u32, address: &[u8]| Stream {
        fd,
        kind,
        marks: 1 << fd,
        port: 4444,
        id: 70 + u64::from(fd),
        other: 60,
        address: address.into(),
    };
    Image {
        args: args.into(),
        args_len: args.len() as u32 + 5,
        cwd: b"/srv/\xe9".as_slice().into(),
        marks: values::process_mark::WRITTEN_IMAGE,
        class,
        device: 7,
        inode: 8,
        streams: vec![
            stream(0, values::stream_kind::INET, &addresses[1]),
            stream(1, values::stream_kind::INET, &addresses[2]),
            stream(2, values::stream_kind::UNIX, &addresses[3]),
        ],
    }
}

fn existing(pid: u32, parent: u32) -> Event {
    Event {
        kind: kind::EXISTING,
        id: u64::from(pid) << 48,
        at: 900_000_000,
        task: task(pid, parent),
        text: b"/bin/b\xffsh".as_slice().into(),
        image: Some(Box::new(image(b"bash\0-i", 2))),
        ..Event::default()
    }
}
