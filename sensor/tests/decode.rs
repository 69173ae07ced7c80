//! No bytes whatever make the decoder panic, and what it takes it takes whole.
#![allow(missing_docs, reason = "tests")]

use proptest::prelude::*;
use vedette_contract::KINDS;
use vedette_sensor::decode::{DecodeError, decode, kind_of};

const HEAD: usize = 168;

/// A record that is well formed: head, blocks, texts.
fn record() -> impl Strategy<Value = Vec<u8>> {
    (
        0..KINDS.len(),
        0u16..16,
        prop::collection::vec(any::<u8>(), HEAD),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 9),
        prop::collection::vec(any::<u8>(), 16 + 24 + 96 + 32),
    )
        .prop_map(|(kind, blocks, mut record, texts, fill)| {
            let mut text = texts.iter();
            let mut body = Vec::new();
            let mut next = |into: &mut Vec<u8>, at: usize| {
                let text = text.next().map_or(&[][..], |t| t);
                into[at..at + 2].copy_from_slice(&(text.len() as u16).to_ne_bytes());
                body.extend_from_slice(text);
            };
            record[0..2].copy_from_slice(&KINDS[kind].number.to_ne_bytes());
            record[2..4].copy_from_slice(&blocks.to_ne_bytes());
            next(&mut record, 140);
            next(&mut record, 142);
            // Length fields by block: attr, image (args, cwd, three streams), stream.
            for (bit, size, lens) in [
                (2u16, 16, &[12][..]),
                (4, 24 + 96, &[20, 22, 24 + 26, 56 + 26, 88 + 26][..]),
                (8, 32, &[26][..]),
            ] {
                if blocks & bit == 0 {
                    continue;
                }
                let at = record.len();
                record.extend_from_slice(&fill[..size]);
                for len in lens {
                    next(&mut record, at + len);
                }
            }
            record.extend(body);
            let len = record.len() as u32;
            record[4..8].copy_from_slice(&len.to_ne_bytes());
            record
        })
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode(&bytes);
        let _ = kind_of(&bytes);
    }

    #[test]
    fn a_whole_record_is_taken_and_a_cut_one_is_not(record in record(), cut in any::<prop::sample::Index>()) {
        let event = decode(&record).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(Some(event.kind), kind_of(&record));
        let cut = cut.index(record.len());
        prop_assert!(decode(&record[..cut]).is_err());
        // Cut, and with a length that hides it.
        let mut lying = record[..cut].to_vec();
        if cut >= 8 {
            lying[4..8].copy_from_slice(&(cut as u32).to_ne_bytes());
        }
        let short = matches!(decode(&lying), Err(DecodeError::Short { .. }));
        prop_assert!(short, "{:?}", decode(&lying));
    }

    #[test]
    fn a_changed_byte_is_no_panic(record in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut record = record;
        let at = at.index(record.len());
        record[at] = byte;
        let _ = decode(&record);
    }
}

#[test]
fn unknown_kinds_and_blocks_are_refused() {
    let mut record = vec![0; HEAD];
    record[4..8].copy_from_slice(&(HEAD as u32).to_ne_bytes());
    assert_eq!(decode(&record), Err(DecodeError::Kind(0)));
    record[0] = 3;
    assert!(decode(&record).is_ok());
    record[2] = 32;
    assert_eq!(decode(&record), Err(DecodeError::Blocks(32)));
    record.push(0);
    assert_eq!(
        decode(&record),
        Err(DecodeError::Length {
            said: 168,
            len: 169
        })
    );
}
