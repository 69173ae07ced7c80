use super::{client::ClientError, client::ask, server::Control, *};
use crate::plugin::command::Reply;
use std::{
    io::Write,
    os::unix::{fs::MetadataExt, net::UnixListener, net::UnixStream},
    thread,
    time::{Duration, Instant},
};

/// Answers what is asked, as the pipeline does, until the test has what it wants.
fn serve_while<T: Send>(control: &Control, ask: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let asker = scope.spawn(ask);
        while !asker.is_finished() {
            if let Some(asked) = control.asked() {
                match asked.command {
                    Command::Disable { plugin } => asked.reply.done(plugin),
                    Command::Enable { .. } => drop(asked.reply),
                    _ => asked.reply.refuse("as the test asks"),
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        asker.join().expect("no panic")
    })
}

fn disable(plugin: &str) -> Command {
    Command::Disable {
        plugin: plugin.to_owned(),
    }
}

#[test]
fn a_question_is_answered_and_the_socket_goes_with_the_agent() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("run/a.sock");
    let control = Control::start(&path, None).expect("it listens");
    let meta = std::fs::symlink_metadata(&path).expect("a socket");
    assert_eq!(meta.mode() & 0o777, 0o600);
    let answer = serve_while(&control, || ask(&path, disable("p")));
    assert!(
        matches!(&answer, Ok(Answer::Done(text)) if text == "p"),
        "{answer:?}"
    );
    let answer = serve_while(&control, || ask(&path, Command::List {}));
    assert!(matches!(&answer, Err(ClientError::Refused(text)) if text == "as the test asks"));
    let dropped = serve_while(&control, || {
        ask(
            &path,
            Command::Enable {
                plugin: String::new(),
            },
        )
    });
    assert!(
        matches!(&dropped, Err(ClientError::Refused(text)) if text.contains("came to nothing"))
    );
    drop(control);
    assert!(!path.exists());
    let error = ask(&path, Command::List {}).expect_err("nobody listens");
    assert!(error.to_string().contains("vedette run"), "{error}");
}

/// What takes too long is not called the end of an agent that goes on.
#[test]
fn who_waits_too_long_is_told_that_it_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.sock");
    let control = Control::patient(&path, None, Duration::from_millis(1)).expect("it listens");
    let refused = ask(&path, disable("p"));
    assert!(
        matches!(&refused, Err(ClientError::Refused(text)) if text.contains("goes on")),
        "{refused:?}"
    );
    assert!(control.asked().is_some(), "it was asked all the same");
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.sock");
    drop(UnixListener::bind(&path).expect("bound"));
    assert!(path.exists(), "nobody listens there any more");
    let control = Control::start(&path, None).expect("it is replaced");
    let error = Control::start(&path, None).expect_err("it is in use");
    assert!(
        error.to_string().contains("another agent listens"),
        "{error}"
    );
    drop(control);
    std::fs::write(&path, "mine").expect("written");
    let error = Control::start(&path, None).expect_err("it is no socket");
    assert!(error.to_string().contains("something else"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "mine");
}

#[test]
fn nonsense_is_refused_and_hurts_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.sock");
    let control = Control::start(&path, None).expect("it listens");
    let long = format!("{{\"version\":1,\"command\":\"{}", "x".repeat(1 << 20));
    for (line, says) in [
        ("\n", "not understood"),
        ("{}\n", "not understood"),
        ("{\"version\":1}\n", "not understood"),
        ("{\"version\":1,\"command\":\"burn\"}\n", "not understood"),
        (
            "{\"version\":1,\"command\":{\"list\":{\"all\":true}}}\n",
            "not understood",
        ),
        (
            "{\"version\":2,\"command\":{\"new\":{}}}\n",
            "speaks version 1",
        ),
        (&long, "longer than"),
    ] {
        let mut stream = UnixStream::connect(&path).expect("connected");
        // The agent may refuse before it has read everything.
        let _ = stream.write_all(line.as_bytes());
        let answer = read_line(&stream, MAX_RESPONSE).expect("an answer");
        let response: Response = serde_json::from_str(&answer).expect("JSON");
        let error = response.error.expect("an error");
        assert!(error.contains(says), "{says}: {error}");
    }
    let answer = serve_while(&control, || ask(&path, disable("p")));
    assert!(answer.is_ok(), "{answer:?}");
}

#[test]
fn clients_are_bounded_and_their_places_come_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.sock");
    let control = Control::start(&path, None).expect("it listens");
    let silent: Vec<UnixStream> = (0..8)
        .map(|_| UnixStream::connect(&path).expect("connected"))
        .collect();
    let refused = serve_while(&control, || ask(&path, disable("p")));
    let Err(ClientError::Refused(text)) = refused else {
        panic!("{refused:?}");
    };
    assert!(text.contains("8 others"), "{text}");
    drop(silent);
    let begun = Instant::now();
    while serve_while(&control, || ask(&path, disable("p"))).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "a place comes back"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn commands_read_as_they_are_documented() {
    let reload = r#"{"version":1,"command":{"reload":{"plugin":"p"}}}"#;
    let request: Request = serde_json::from_str(reload).expect("understood");
    let expected = Command::Reload {
        plugin: "p".to_owned(),
        force: false,
        shadow: None,
    };
    assert_eq!(request.command, expected);
    let (reply, answer) = Reply::channel();
    reply.done("first");
    reply.done("second");
    assert!(matches!(answer.recv(), Ok(Ok(Answer::Done(text))) if text == "first"));
}
