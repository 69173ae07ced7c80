use super::*;
use std::time::Instant;
use vedette_contract::values::container_mark;

fn question(id: &str, bundle: Option<PathBuf>) -> Question {
    Question {
        id: id.to_owned(),
        cgroup: 7,
        bundle,
        certain: true,
    }
}

fn runtimes(sockets: Vec<Socket>) -> Runtimes {
    Runtimes::start(sockets, None).unwrap()
}

fn wait_for_answer(runtimes: &Runtimes) -> Option<Event> {
    let limit = Duration::from_secs(20);
    runtimes.answers.recv_timeout(limit).ok()
}

#[test]
fn a_bundle_alone_tells_a_plain_container_at_once() {
    let bundle = tempfile::tempdir().unwrap();
    let config = r#"{"ociVersion": "1.0.2", "process": {"capabilities": {"bounding":
        ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"]}}}"#;
    std::fs::write(bundle.path().join("config.json"), config).unwrap();
    let runtimes = runtimes(Vec::new());
    let asked = question("one", Some(bundle.path().to_owned()));
    runtimes.questions.try_send(asked).unwrap();
    let event = wait_for_answer(&runtimes).unwrap();
    assert_eq!(event.text2.as_ref(), b"one");
    assert_eq!(event.a, 7);
    assert_ne!(event.b as u32 & container_mark::PRIVILEGED, 0);
    assert_eq!(event.b as u32 & container_mark::PENDING, 0);
}

#[test]
fn an_engine_that_hangs_holds_up_nobody_and_the_rest_is_told_as_pending() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    // It takes connections and never answers.
    let _hanging = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let config = r#"{"ociVersion": "1.0.2", "annotations":
        {"io.kubernetes.cri.container-name": "web"}}"#;
    std::fs::write(directory.path().join("config.json"), config).unwrap();
    let socket = "cri=".to_owned() + path.to_str().unwrap();
    let runtimes = runtimes(sockets(&[socket.parse().unwrap()]));
    let begin = Instant::now();
    for _ in 0..100 {
        let asked = question("one", Some(directory.path().to_owned()));
        runtimes.questions.try_send(asked).unwrap();
    }
    assert!(begin.elapsed() < Duration::from_secs(1));
    let event = wait_for_answer(&runtimes).unwrap();
    assert_eq!(event.text2.as_ref(), b"web");
    assert_ne!(event.b as u32 & container_mark::PENDING, 0);
}

/// As one does that starts with the machine and finds its containers again before it answers.
#[test]
fn an_engine_that_answers_late_is_believed_then() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let engine = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let config = r#"{"ociVersion": "1.0.2", "annotations": {"org.example": "1"}}"#;
    std::fs::write(directory.path().join("config.json"), config).unwrap();
    // The shim's place tells the bundle's maker.
    let bundle = directory
        .path()
        .join("io.containerd.runtime.v2.task/moby/0e");
    std::fs::create_dir_all(&bundle).unwrap();
    std::fs::rename(
        directory.path().join("config.json"),
        bundle.join("config.json"),
    )
    .unwrap();
    let socket = "docker=".to_owned() + path.to_str().unwrap();
    let runtimes = runtimes(sockets(&[socket.parse().unwrap()]));
    let asked = question("0e", Some(bundle));
    runtimes.questions.try_send(asked).unwrap();
    let begin = Instant::now();
    let pending = wait_for_answer(&runtimes).unwrap();
    assert_ne!(pending.b as u32 & container_mark::PENDING, 0);
    // Silent for longer than the looks at a new container last, then it speaks.
    std::thread::sleep(Duration::from_secs(6).saturating_sub(begin.elapsed()));
    std::thread::spawn(move || {
        for stream in engine.incoming().flatten() {
            serve_one(stream);
        }
    });
    let event = wait_for_answer(&runtimes).unwrap();
    assert_eq!(event.text2.as_ref(), b"web");
    assert_eq!(event.b as u32 & container_mark::PENDING, 0);
}

/// One answer of docker's interface.
fn serve_one(mut stream: std::os::unix::net::UnixStream) {
    use std::io::{Read as _, Write as _};
    let _ = stream.read(&mut [0; 4096]);
    let body = r#"{"Id": "0e", "Name": "/web", "Config": {"Image": "web:1"}}"#;
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

#[test]
fn what_nobody_knows_gets_no_answer() {
    let runtimes = runtimes(Vec::new());
    runtimes.questions.try_send(question("none", None)).unwrap();
    let limit = Duration::from_millis(500);
    assert!(runtimes.answers.recv_timeout(limit).is_err());
}

#[test]
fn sockets_are_named_by_engine_and_path() {
    let named: SocketPath = "containerd=/x".parse().unwrap();
    let all = sockets(&[named]);
    assert_eq!(all.len(), 2 + WELL_KNOWN.len());
    assert_eq!(all[0].engine, socket::Engine::Containerd);
    assert_eq!(all[1].engine, socket::Engine::Cri);
    assert!("/x".parse::<SocketPath>().is_err());
    assert!("lxc=/x".parse::<SocketPath>().is_err());
}
