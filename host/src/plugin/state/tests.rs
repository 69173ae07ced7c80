use super::*;
use proptest::prelude::*;

fn key(n: usize) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

#[test]
fn writes_wait_for_the_call_to_return() {
    let mut state = State::default();
    let mut call = Pending::default();
    state
        .set(&mut call, key(1), b"x".to_vec(), 0, 0)
        .expect("room");
    assert_eq!(state.get(&call, &key(1), 0), Some(b"x".to_vec()));
    assert_eq!(state.get(&Pending::default(), &key(1), 0), None);
    state.commit(&mut call);
    assert_eq!(state.get(&call, &key(1), 0), Some(b"x".to_vec()));
    state.delete(&mut call, key(1));
    assert_eq!(state.get(&call, &key(1), 0), None);
    drop(call);
    assert_eq!(
        state.get(&Pending::default(), &key(1), 0),
        Some(b"x".to_vec())
    );
}

#[test]
fn values_end_in_event_time() {
    let mut state = State::default();
    let mut call = Pending::default();
    state
        .set(&mut call, key(1), b"x".to_vec(), 10, 100)
        .expect("room");
    state.commit(&mut call);
    assert!(state.get(&call, &key(1), 109).is_some());
    assert!(state.get(&call, &key(1), 110).is_none());
    state.expire(110);
    assert_eq!(state.size(), (0, 0));
}

#[test]
fn counters_have_a_fixed_window() {
    let mut state = State::default();
    let mut call = Pending::default();
    assert_eq!(state.count(&mut call, key(1), 2, 10, 100), Ok(2));
    state.commit(&mut call);
    assert_eq!(state.count(&mut call, key(1), 3, 10, 109), Ok(5));
    state.commit(&mut call);
    assert_eq!(state.count(&mut call, key(1), 1, 10, 110), Ok(1));
    assert_eq!(
        state.count(&mut call, key(1), u64::MAX, 10, 111),
        Ok(u64::MAX)
    );
}

#[test]
fn quotas_hold_within_a_call_and_over_calls() {
    let mut state = State::default();
    let mut call = Pending::default();
    let big = vec![0; MAX_VALUE];
    assert_eq!(
        state.set(&mut call, vec![0; MAX_KEY + 1], vec![], 0, 0),
        Err(StateError::TooLarge)
    );
    assert_eq!(
        state.set(&mut call, key(0), vec![0; MAX_VALUE + 1], 0, 0),
        Err(StateError::TooLarge)
    );
    let mut taken = 0;
    while state.set(&mut call, key(taken), big.clone(), 0, 0).is_ok() {
        taken += 1;
        if taken % 7 == 0 {
            state.commit(&mut call);
        }
        assert!(taken < 1000, "the quota stops it");
    }
    state.commit(&mut call);
    assert!(state.size().1 <= DEFAULT_BYTES);
    // Replacing is no growth, and what is deleted is free again.
    assert_eq!(state.set(&mut call, key(0), big.clone(), 0, 0), Ok(()));
    state.delete(&mut call, key(0));
    state.commit(&mut call);
    assert_eq!(state.set(&mut call, key(taken), big, 0, 0), Ok(()));
}

#[test]
fn the_number_of_keys_is_bounded() {
    let mut state = State::default();
    let most = state.most_keys();
    let mut call = Pending::default();
    for n in 0..most {
        state.set(&mut call, key(n), vec![], 0, 0).expect("room");
    }
    assert_eq!(
        state.set(&mut call, key(most), vec![], 0, 0),
        Err(StateError::Quota)
    );
    state.commit(&mut call);
    assert_eq!(
        state.count(&mut call, key(most), 1, 1, 0),
        Err(StateError::Quota)
    );
}

/// A plugin that evicts and inserts for one event finds room, like one that does so for two.
#[test]
fn what_a_call_deletes_or_shortens_is_room_at_once() {
    let mut state = State::default();
    state.set_quota(4 * MAX_VALUE);
    let mut call = Pending::default();
    let value = |len: usize| vec![0; len - 8];
    for n in 0..4 {
        state
            .set(&mut call, key(n), value(MAX_VALUE), 0, 0)
            .expect("room");
        state.commit(&mut call);
    }
    let set = |state: &State, call: &mut Pending, n, len| state.set(call, key(n), value(len), 0, 0);
    assert_eq!(set(&state, &mut call, 4, 8), Err(StateError::Quota));
    state.delete(&mut call, key(0));
    assert_eq!(set(&state, &mut call, 4, MAX_VALUE), Ok(()));
    assert_eq!(set(&state, &mut call, 0, 8), Err(StateError::Quota));
    assert_eq!(set(&state, &mut call, 1, MAX_VALUE / 2), Ok(()));
    assert_eq!(set(&state, &mut call, 0, MAX_VALUE / 2), Ok(()));
    // What this call alone has written is given back as well, and holds nothing.
    state.delete(&mut call, key(4));
    assert_eq!(call.writes.len(), 2);
    assert_eq!(set(&state, &mut call, 5, MAX_VALUE), Ok(()));
    state.commit(&mut call);
    assert_eq!(state.size(), (5, 4 * MAX_VALUE));
    // What no longer fits stays, and is replaced, but nothing is added.
    state.set_quota(MAX_VALUE);
    assert_eq!(set(&state, &mut call, 2, MAX_VALUE), Ok(()));
    assert_eq!(set(&state, &mut call, 6, 8), Err(StateError::Quota));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Near the quota each act comes to the same, in however many calls all are made.
    #[test]
    fn what_fits_does_not_depend_on_calls(
        acts in proptest::collection::vec((0..4u8, 0..12usize, 0..60usize), 1..200),
        calls in proptest::collection::vec(any::<bool>(), 200),
    ) {
        let run = |ends: &dyn Fn(usize) -> bool| {
            let mut state = State::default();
            state.set_quota(8 * BYTES_A_KEY);
            let mut call = Pending::default();
            let mut told = Vec::new();
            for (n, (act, at, len)) in acts.iter().enumerate() {
                let ttl = *at as u64 % 3;
                match act {
                    0 => state.delete(&mut call, key(*at)),
                    1 => told.push(state.count(&mut call, key(*at), 1, ttl, 1).map(Some)),
                    _ => {
                        let set = state.set(&mut call, key(*at), vec![0; len * 2], ttl, 1);
                        told.push(set.map(|()| None));
                    }
                }
                if ends(n) {
                    state.commit(&mut call);
                }
            }
            state.commit(&mut call);
            let stored: Vec<_> = state.iter().cloned().collect();
            (told, stored, state.size())
        };
        let often = run(&|_| true);
        prop_assert_eq!(&run(&|_| false), &often);
        prop_assert_eq!(&run(&|n| calls[n]), &often);
        prop_assert!(often.2.0 <= 8 && often.2.1 <= 8 * BYTES_A_KEY);
    }
}

#[test]
fn keys_are_listed_in_order_as_the_call_sees_them() {
    let mut state = State::default();
    let mut call = Pending::default();
    for name in ["b1", "a2", "a3", "a1", "a"] {
        state
            .set(&mut call, name.into(), vec![], 0, 0)
            .expect("room");
    }
    state
        .set(&mut call, "a15".into(), vec![], 5, 0)
        .expect("room");
    state.commit(&mut call);
    state
        .set(&mut call, "a25".into(), vec![], 0, 0)
        .expect("room");
    state.delete(&mut call, "a2".into());
    let listed = |prefix: &str, after: &str, most, now| {
        let keys = state.keys(&call, prefix.as_bytes(), after.as_bytes(), most, now);
        let keys = keys
            .into_iter()
            .map(|key| String::from_utf8(key).expect("text"));
        keys.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed("a", "", 10, 0), "a a1 a15 a25 a3");
    assert_eq!(listed("a", "", 10, 5), "a a1 a25 a3");
    assert_eq!(listed("a", "a1", 2, 0), "a15 a25");
    assert_eq!(listed("a", "b", 10, 0), "");
    assert_eq!(listed("b", "a", 10, 0), "b1");
    assert_eq!(listed("", "", 0, 0), "");
}

#[test]
fn a_copy_stands_apart_and_can_be_gone_back_to() {
    let mut state = State::default();
    let mut call = Pending::default();
    state
        .set(&mut call, key(1), b"one".to_vec(), 0, 0)
        .expect("room");
    state
        .set(&mut call, key(2), b"two".to_vec(), 9, 0)
        .expect("room");
    state.commit(&mut call);
    assert_eq!(state.changes_since(&State::default()).len(), 2);
    let saved = state.clone();
    state.delete(&mut call, key(1));
    state
        .set(&mut call, key(3), b"three".to_vec(), 0, 0)
        .expect("room");
    state.commit(&mut call);
    let changes = state.changes_since(&saved);
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0], (&Key::from(key(1)), None));
    assert_eq!(saved.get(&call, &key(1), 0), Some(b"one".to_vec()));
    assert_eq!(saved.get(&call, &key(3), 0), None);
    state.restore(&saved);
    assert_eq!(state.size(), saved.size());
    assert_eq!(state.get(&call, &key(3), 0), None);
    assert_eq!(state.changes_since(&saved), []);
    state.expire(9);
    assert_eq!((state.size(), saved.size()), ((1, 11), (2, 22)));
}

#[test]
fn what_was_written_before_the_clock_ran_lasts_from_then_on() {
    let mut state = State::default();
    let mut call = Pending::default();
    state.set(&mut call, key(1), vec![], 10, 0).expect("room");
    state.commit(&mut call);
    state.begin(1000);
    state.expire(1009);
    assert!(state.get(&call, &key(1), 1009).is_some());
    state.expire(1010);
    assert_eq!(state.size(), (0, 0));
}
