use super::*;
use crate::event::{Attr, Event, Image, Namespaces, Stream, Task, TaskRef};
use proptest::prelude::*;
use std::io::{Cursor, Write};

fn header() -> Header {
    Header {
        contract: "0.1.0".into(),
        kernel: "6.18".into(),
        boot_offset: -5,
        cpus: 2,
    }
}

fn capture(events: &[Event]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap()
}

/// What can be read, and what is said to be lost. Panics where reading does not come to an end.
fn read(bytes: &[u8]) -> Result<(Vec<Event>, Vec<CaptureError>), CaptureError> {
    let (mut events, mut errors) = (Vec::new(), Vec::new());
    for (n, item) in Reader::new(Cursor::new(bytes))?.enumerate() {
        assert!(n <= bytes.len() * 8, "the reader does not end");
        match item {
            Ok(event) => events.push(event),
            Err(e) => errors.push(e),
        }
    }
    Ok((events, errors))
}

fn text() -> impl Strategy<Value = Box<[u8]>> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(Into::into)
}

prop_compose! {
    fn process()(pid: u32, start: u64) -> TaskRef {
        TaskRef { pid, start }
    }
}

prop_compose! {
    fn stream()(fd: u32, kind in 0u32..12, marks: u32, port: u32, id: u64, other: u64,
                address in text()) -> Stream {
        Stream { fd, kind, marks, port, id, other, address }
    }
}

prop_compose! {
    fn image()(args in text(), cwd in text(), args_len: u32, class in 0u32..5, inode: u64,
               streams in prop::collection::vec(stream(), 0..4)) -> Image {
        Image { args, args_len, cwd, marks: 1, class, device: 8 << 20, inode, streams }
    }
}

prop_compose! {
    fn event()(kind: u16, at: u64, id: u64, process in process(), ret: i32, a: u64,
               comm: [u8; 16], text in text(), text2 in text(),
               target in prop::option::of(process()),
               image in prop::option::of(image().prop_map(Box::new)),
               stream in prop::option::of(stream().prop_map(Box::new)),
               attr in prop::option::of((any::<u32>(), any::<u64>(), text()))) -> Event {
        Event {
            kind, marks: 0x8, id, at, target, ret, a, b: !a, c: 0, text, text2, image, stream,
            task: Task {
                process, comm, namespaces: Namespaces { mount: 1, pid: 2, network: 3, user: 4 },
                ..Task::default()
            },
            attrs: attr.into_iter().map(|(key, value, text)| Attr { key, value, text }).collect(),
        }
    }
}

/// Events of about 600 bytes that zstd cannot make much smaller: three blocks.
fn three_blocks() -> Vec<Event> {
    let mut seed = 1u64;
    let mut byte = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    (0..300)
        .map(|n| Event {
            kind: 1,
            id: n,
            at: n,
            text: (0..600).map(|_| byte()).collect(),
            ..Event::default()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(events in prop::collection::vec(event(), 0..20)) {
        let (back, errors) = read(&capture(&events)).unwrap();
        prop_assert_eq!(back, events);
        prop_assert!(errors.is_empty(), "{:?}", errors);
    }

    #[test]
    fn a_flipped_bit_is_told_and_costs_one_block(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let events = three_blocks();
        let mut bytes = capture(&events);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // An error here is a damaged header of the file.
        if let Ok((back, errors)) = read(&bytes) {
            prop_assert!(!errors.is_empty(), "the flip at {} went unseen", at);
            prop_assert!(back.len() >= events.len() - 120, "{} events left", back.len());
            prop_assert!(back.iter().all(|e| events[e.id as usize] == *e));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(tail in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut bytes = capture(&[]);
        bytes.truncate(bytes.len() - 16);
        bytes.extend(&tail);
        let (events, errors) = read(&bytes).unwrap();
        prop_assert!(events.is_empty() && !errors.is_empty());
        let _ = read(&tail);
    }
}

/// Three small blocks, so that every place in the file can be tried.
fn small_blocks() -> (Vec<Event>, Vec<u8>) {
    let events: Vec<Event> = three_blocks().into_iter().take(6).collect();
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    for pair in events.chunks(2) {
        pair.iter().for_each(|e| writer.write(e).unwrap());
        writer.close_block().unwrap();
    }
    (events, writer.finish().unwrap())
}

#[test]
fn a_capture_cut_anywhere_gives_its_whole_blocks() {
    let (events, bytes) = small_blocks();
    let start = capture(&[]).len() - 16;
    let blocks = Reader::new(Cursor::new(&bytes)).unwrap().blocks().unwrap();
    assert_eq!(blocks.len(), 3);
    for cut in 0..bytes.len() {
        let read = read(&bytes[..cut]);
        if cut < start {
            assert!(read.is_err(), "cut at {cut} inside the header");
            continue;
        }
        let (back, errors) = read.unwrap();
        let ends = blocks[1..]
            .iter()
            .map(|b| b.offset as usize)
            .chain([bytes.len() - 16]);
        let whole = 2 * ends.filter(|end| *end <= cut).count();
        assert_eq!(back, events[..whole], "cut at {cut}");
        assert!(
            matches!(errors[..], [CaptureError::Unfinished { events, .. }] if events == whole as u64),
            "cut at {cut}: {errors:?}"
        );
    }
}

#[test]
fn every_changed_byte_is_told_and_costs_one_block() {
    let (events, bytes) = small_blocks();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        let Ok((back, errors)) = read(&bytes) else {
            continue; // The header of the file.
        };
        assert!(!errors.is_empty(), "the change at {at} went unseen");
        assert!(
            back.len() >= 4,
            "the change at {at} left {} events",
            back.len()
        );
        assert!(
            back.iter().all(|e| events[e.id as usize] == *e),
            "change at {at}"
        );
    }
}

#[test]
fn damage_in_a_block_is_told_with_its_place() {
    let events = three_blocks();
    let mut bytes = capture(&events);
    let blocks = Reader::new(Cursor::new(&bytes)).unwrap().blocks().unwrap();
    let hit = blocks[1];
    bytes[hit.offset as usize + 100] ^= 1;
    let (back, errors) = read(&bytes).unwrap();
    assert_eq!(back.len(), events.len() - hit.count as usize);
    match errors[..] {
        [CaptureError::Damaged { offset, events, .. }] => {
            assert_eq!((offset, events), (hit.offset, Some(hit.count)));
        }
        _ => panic!("{errors:?}"),
    }
    // A damaged block header: the next block is found again.
    let mut bytes = capture(&events);
    bytes[hit.offset as usize + 5] ^= 0x40;
    let (back, errors) = read(&bytes).unwrap();
    assert_eq!(back.len(), events.len() - hit.count as usize);
    assert!(
        matches!(errors[..], [CaptureError::Damaged { events: None, .. }]),
        "{errors:?}"
    );
}

#[test]
fn blocks_that_begin_too_late_are_not_even_opened() {
    let mut bytes = capture(&three_blocks());
    let blocks = Reader::new(Cursor::new(&bytes)).unwrap().blocks().unwrap();
    bytes[blocks[2].offset as usize + 100] ^= 1;
    let until = blocks[2].first - 1;
    let early = Reader::new(Cursor::new(&bytes)).unwrap().until(until);
    let early: Result<Vec<Event>, _> = early.collect();
    assert_eq!(early.unwrap(), three_blocks()[..until as usize + 1]);
    let all = Reader::new(Cursor::new(&bytes)).unwrap().until(until + 1);
    assert_eq!(all.filter(Result::is_err).count(), 1, "it is damaged");
}

#[test]
fn a_missing_block_is_told() {
    let bytes = capture(&three_blocks());
    let blocks = Reader::new(Cursor::new(&bytes)).unwrap().blocks().unwrap();
    let without = [
        &bytes[..blocks[1].offset as usize],
        &bytes[blocks[2].offset as usize..],
    ]
    .concat();
    let (back, errors) = read(&without).unwrap();
    assert_eq!(back.len(), 300 - blocks[1].count as usize);
    assert!(
        matches!(errors[..], [CaptureError::Missing { marked: 300, .. }]),
        "{errors:?}"
    );
}

#[test]
fn the_index_has_times_and_leaves_reading_alone() {
    let events = three_blocks();
    let bytes = capture(&events);
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.header(), &header());
    let first = reader.next().unwrap().unwrap();
    assert_eq!(first, events[0]);
    let rest = reader.blocks().unwrap();
    assert_eq!(rest.last().unwrap().last, 299);
    assert!(rest.windows(2).all(|w| w[0].last < w[1].first));
    assert_eq!(reader.map(Result::unwrap).count(), 299);
}

#[test]
fn a_newer_format_says_so() {
    let mut bytes = capture(&[]);
    bytes[8] = 9;
    let e = read(&bytes).unwrap_err();
    assert!(
        matches!(
            e,
            CaptureError::Newer {
                found: 9,
                known: FORMAT
            }
        ),
        "{e}"
    );
    assert!(e.to_string().contains("version 9"));
    assert!(matches!(
        read(b"\x7fELF not a capture").unwrap_err(),
        CaptureError::NotACapture
    ));
}

#[test]
fn age_closes_a_block() {
    let at = |at| Event {
        at,
        ..Event::default()
    };
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    writer.write(&at(7)).unwrap();
    assert_eq!(writer.written(), 0);
    writer.write(&at(2_000_000_000)).unwrap();
    assert_eq!(writer.written(), 2);
}

#[test]
fn an_event_without_end_is_left_out() {
    let event = Event {
        text: vec![0; EVENT_MAX + 1].into(),
        ..Event::default()
    };
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    assert!(matches!(
        writer.write(&event),
        Err(CaptureError::TooLarge { .. })
    ));
    writer.write(&Event::default()).unwrap();
    let (events, errors) = read(&writer.finish().unwrap()).unwrap();
    assert_eq!((events.len(), errors.len()), (1, 0));
}

#[test]
fn a_bomb_is_not_decompressed() {
    let data = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
    let block = block::BlockHeader {
        stored: data.len() as u32,
        raw: 64 << 20,
        count: 1,
        first: 0,
        last: 0,
        crc: crc32fast::hash(&data),
    };
    let mut bytes = capture(&[]);
    bytes.truncate(bytes.len() - 16);
    bytes.extend(block.encode());
    bytes.extend(&data);
    let (events, errors) = read(&bytes).unwrap();
    assert!(events.is_empty());
    assert!(
        matches!(errors[..], [CaptureError::Unfinished { .. }]),
        "{errors:?}"
    );
}

/// Found by the fuzzer: the file ends inside a block header whose missing bytes are zeros.
#[test]
fn a_header_cut_in_its_zeros_is_no_block() {
    let mut bytes = capture(&[]);
    bytes.truncate(bytes.len() - 16);
    let whole = bytes.len();
    // A time whose header has a checksum that ends in a zero byte.
    let header = (0..)
        .map(|last| block::BlockHeader {
            stored: 0,
            raw: 0,
            count: 0,
            first: 0,
            last,
            crc: 0,
        })
        .map(|h| h.encode())
        .find(|b| b.ends_with(&[0]))
        .unwrap();
    bytes.extend(&header[..39]);
    let (events, errors) = read(&bytes).unwrap();
    assert!(events.is_empty());
    assert!(
        matches!(errors[..], [CaptureError::Unfinished { offset, lost: 39, .. }] if offset == whole as u64),
        "{errors:?}"
    );
}

/// A disk with so much room.
struct Small(Vec<u8>, usize);

impl Write for &mut Small {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = self.1 - self.0.len();
        if room == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let n = bytes.len().min(room);
        self.0.extend(&bytes[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_leaves_whole_blocks() {
    let events = three_blocks();
    let mut disk = Small(Vec::new(), 100_000);
    let mut writer = Writer::new(&mut disk, &header()).unwrap();
    let error = events.iter().find_map(|e| writer.write(e).err()).unwrap();
    assert!(error.to_string().contains("free space"), "{error}");
    let whole = writer.written() as usize;
    assert!(matches!(
        writer.write(&events[0]),
        Err(CaptureError::Ended { .. })
    ));
    drop(writer);
    let (back, errors) = read(&disk.0).unwrap();
    assert!(whole > 0);
    assert_eq!(back, events[..whole]);
    assert!(
        matches!(errors[..], [CaptureError::Unfinished { .. }]),
        "{errors:?}"
    );
}

#[test]
fn dev_full_and_missing_directories_are_named() {
    let error = Writer::create("/dev/full", &header()).err().unwrap();
    assert!(
        matches!(error, CaptureError::Write { offset: 0, .. }),
        "{error}"
    );
    let error = Writer::create("/nowhere/x", &header()).err().unwrap();
    assert!(error.to_string().contains("/nowhere/x"));
    assert!(matches!(
        Reader::open("/nowhere/x"),
        Err(CaptureError::Open { .. })
    ));
}
