//! Kinds that are narrowed by what their events say: what is not wanted does not cross the rings,
//! what is does, and the model of it in `vedette_sensor::filter` says which is which.

use crate::observe::{Watch, of, python, skip, text};
use std::fs;
use vedette_contract::{
    Slot, kind,
    values::{stream_kind, stream_mark},
};
use vedette_sensor::{
    event::Event,
    filter::{Filter, How, Line, Lines, Probe, Texts, Values},
};

type Tests = Vec<(Slot, Values)>;

fn texts(slot: Slot, how: How, of: &[&str], negated: bool) -> (Slot, Values) {
    let of: Vec<Vec<u8>> = of.iter().map(|text| text.as_bytes().to_vec()).collect();
    (slot, Values::Texts(Texts::new(how, &of, negated)))
}

fn begins(of: &[&str]) -> (Slot, Values) {
    texts(Slot::Text, How::Begins, of, false)
}

fn ends(of: &[&str]) -> (Slot, Values) {
    texts(Slot::Text, How::Ends, of, false)
}

fn is(of: &[&str]) -> (Slot, Values) {
    texts(Slot::Text, How::Is, of, false)
}

fn number(slot: Slot, of: &[u64]) -> (Slot, Values) {
    (slot, Values::of(of, false))
}

/// Everything of these kinds that fulfils any of these lines.
fn wants(kinds: &[u16], lines: &[Tests]) -> Filter {
    let mut filter = Filter::context();
    for kind in kinds {
        for tests in lines {
            let line = tests.iter().fold(Line::default(), |line, (slot, values)| {
                let probe = Probe::of(*kind, *slot).expect("a slot that the kernel knows");
                line.and(probe, values.clone())
            });
            filter.want(*kind, Lines::from(line));
        }
    }
    filter
}

/// Kind, numbers and texts of an event: what makes two runs of the same acts comparable.
type Essence = (u16, i32, u64, String, String);

fn essence(event: &Event) -> Essence {
    let (one, two) = (text(&event.text), text(&event.text2));
    // A descriptor's number need not be the same.
    (event.kind, event.ret.min(0), event.a, one, two)
}

fn essences<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Essence> {
    let mut all: Vec<_> = events.map(essence).collect();
    all.sort();
    all
}

/// What a script does is told under each filter, and is what the model lets pass of everything that
/// it does.
fn agree(watch: &mut Watch, script: &str, kinds: &[u16], lines: &[Vec<Tests>], anew: impl Fn()) {
    let mut run = |filter: &Filter| -> Vec<Event> {
        anew();
        watch.sensor.set_filter(filter).unwrap();
        watch.seen.clear();
        let (pid, _) = python(script);
        watch.expect("exit", |e| {
            e.kind == kind::EXIT && e.task.process.pid == pid
        });
        watch.settle();
        let own = |e: &&Event| e.task.process.pid == pid && kinds.contains(&e.kind);
        watch.seen.iter().filter(own).cloned().collect()
    };
    let all = run(&wants(kinds, &[Vec::new()]));
    for kind in kinds {
        assert!(all.iter().any(|e| e.kind == *kind), "no event of {kind}");
    }
    let (mut some, mut few) = (0, 0);
    for lines in lines {
        let filter = wants(kinds, lines);
        let told = essences(run(&filter).iter());
        let model = essences(all.iter().filter(|e| filter.passes(e, true)));
        assert_eq!(told, model, "{lines:?}");
        some += usize::from(!told.is_empty());
        few += usize::from(told.len() < all.len());
    }
    // They tell something apart at all.
    assert!(some * 2 > lines.len() && few * 2 > lines.len());
    assert_eq!(watch.sensor.losses(), []);
}

/// Names of every length around what the kernel compares; and the libraries of the interpreter.
const NAMED: &str = r#"
import mmap
for n in ['', 'a', 'relay', 'x' * 31, 'x' * 32, 'y' + 'x' * 31, 'y' + 'x' * 32, 'x' * 32 + 'y', 'x' * 33, 'n' * 200, 'ab' * 100]:
    os.memfd_create(n)
"#;

#[test]
fn texts_are_told_apart_as_in_the_model() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let (x31, x32, x33) = ("x".repeat(31), "x".repeat(32), "x".repeat(33));
    let lines = [
        vec![vec![begins(&["a"])]],
        vec![vec![begins(&[&x32, "/usr/"])]],
        vec![vec![begins(&[&x33])]],
        vec![vec![ends(&["y", ".so.6"])]],
        vec![vec![ends(&[&x31]), begins(&["x"])]],
        vec![vec![is(&["relay"])], vec![ends(&["nnnnnnnnnn"])]],
        vec![vec![is(&[&x32, &x33, "a"])]],
        vec![vec![begins(&["nowhere"])]],
        vec![vec![begins(&[""])]],
        vec![vec![texts(
            Slot::Text,
            How::Begins,
            &["/usr/", "/lib", "x"],
            true,
        )]],
        vec![vec![
            texts(Slot::Text, How::Ends, &["x"], true),
            texts(Slot::Text, How::Is, &["relay", &x32], true),
        ]],
        // Too long to be sure of: it leaves out nothing.
        vec![vec![texts(Slot::Text, How::Is, &[&x33], true)]],
        vec![vec![(Slot::ALo, Values::NoBit(1))]],
    ];
    let kinds = [kind::MEMFD, kind::LIBRARY];
    agree(&mut watch, NAMED, &kinds, &lines, || ());
}

/// Calls on names that are not followed at their end, by several ways. What they make stays, so that
/// it is still there when its name is resolved.
const NAMES: &str = r#"
d = os.open('DIR', os.O_RDONLY)
os.chdir('DIR')
os.mkdir('link/inner')
for n in ['shadow', 'a.log', 'x.log', 'notes', 'n' * 40]:
    os.close(os.open(n, os.O_CREAT | os.O_WRONLY))
    os.link(n, 'sub/of-' + n)
    os.rename(n, '../NAME/link/../moved-' + n)
    os.symlink('content-' + n, 'sub/' + n)
    os.mkdir(n)
os.unlink('sub/gone-shadow'); os.unlink('DIR/link/gone-a.log'); os.unlink('link/gone-x.log', dir_fd=d)
os.rmdir('gone')
os.chdir('sub')
os.rename('old-notes', '../notes.log')
f = os.open('of-shadow', os.O_RDWR); os.fchmod(f, 0o4755); os.ftruncate(f, 7)
os.setxattr('shadow', 'trusted.a', b'1', follow_symlinks=False)
os.setxattr(f, 'trusted.name', b'1')
"#;

#[test]
fn names_are_told_apart_as_in_the_model() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = fs::canonicalize(dir.path()).unwrap();
    let place = dir.join("place");
    let path = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let second = |how, of: &[&str], negated| texts(Slot::Text2, how, of, negated);
    let lines = [
        vec![vec![is(&[&path("sub/shadow"), &path("moved-shadow")])]],
        vec![vec![ends(&[".log"])]],
        vec![vec![ends(&["/sub/shadow", "gone-x.log"])]],
        vec![vec![begins(&[&path("sub/")])]],
        vec![vec![texts(Slot::Text, How::Ends, &[".log", "w"], true)]],
        vec![vec![texts(
            Slot::Text,
            How::Is,
            &[&path("moved-notes")],
            true,
        )]],
        vec![vec![ends(&["nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"])]],
        vec![vec![second(How::Ends, &["/old-notes"], false)]],
        vec![vec![second(How::Begins, &["content-", "trusted.n"], false)]],
        vec![
            vec![second(How::Is, &["trusted.a"], false)],
            vec![number(Slot::Ret, &[7])],
        ],
        vec![vec![(Slot::ALo, Values::AnyBit(0o4000))]],
        vec![vec![begins(&["/nowhere"]), ends(&["nowhere"])]],
    ];
    let script = NAMES
        .replace("DIR", place.to_str().unwrap())
        .replace("NAME", "place");
    let kinds = [
        kind::RENAME,
        kind::UNLINK,
        kind::LINK,
        kind::SYMLINK,
        kind::CHMOD,
        kind::TRUNCATE,
        kind::MKDIR,
        kind::XATTR,
    ];
    agree(&mut watch, &script, &kinds, &lines, || {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("sub")).unwrap();
        fs::create_dir(place.join("gone")).unwrap();
        std::os::unix::fs::symlink("sub", place.join("link")).unwrap();
        for name in ["gone-shadow", "gone-a.log", "gone-x.log", "old-notes"] {
            fs::write(place.join("sub").join(name), "x").unwrap();
        }
    });
}

#[test]
fn a_name_that_may_lead_elsewhere_is_left_to_user_space() {
    let dir = tempfile::tempdir().unwrap();
    let dir = fs::canonicalize(dir.path()).unwrap();
    let target = dir.join("target");
    let wanted = [is(&[target.to_str().unwrap()])];
    let kinds = [kind::CHMOD, kind::MKDIR];
    let Some(mut watch) = Watch::start(&wants(&kinds, &[wanted.to_vec()])) else {
        return;
    };
    let (pid, _) = python(&format!(
        "os.chdir({dir:?})
os.mkdir('target/'); os.symlink('target', 'link'); os.chmod('link', 0o700); os.mkdir('other')"
    ));
    let of = |kind| move |e: &Event| of(kind, pid)(e);
    for kind in kinds {
        let event = watch.expect("by another name", of(kind));
        assert_eq!(text(&event.text), target.to_str().unwrap());
    }
    watch.settle();
    let other = |e: &&Event| of(kind::MKDIR)(e) && e.text.ends_with(b"/other");
    assert_eq!(watch.seen.iter().filter(other).count(), 0);
}

/// Sockets of two servers each, on the ports and paths that a script is given.
const SOCKETS: &str = r#"
for at in ['DIR/one', 'DIR/other', '\0one-SELF', '\0other-SELF']:
    s = socket.socket(socket.AF_UNIX); s.bind(at); s.listen()
    c = socket.socket(socket.AF_UNIX); c.connect(at); s.accept()
    g = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); g.bind(at + '-datagram')
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', at + '-datagram')
for at in ['127.0.0.1', '127.0.0.2']:
    for port in PORTS:
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((at, port)); s.listen()
        c = socket.create_connection((at, port)); s.accept()
        # Who ends a connection first keeps the port for a while.
        c.close()
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', (at, port))
"#;

/// Two ports that nobody uses now.
fn free_ports() -> [u16; 2] {
    let bound = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    bound.map(|socket| socket.local_addr().unwrap().port())
}

#[test]
fn sockets_are_told_apart_as_in_the_model() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    let [one, other] = free_ports();
    let script = SOCKETS
        .replace("DIR", place.to_str().unwrap())
        .replace("SELF", &std::process::id().to_string())
        .replace("PORTS", &format!("[{one}, {other}]"));
    let address = |of: [u8; 4]| {
        let texts = Texts::new(How::Is, &[of.to_vec()], false);
        (Slot::Text, Values::Texts(texts))
    };
    let at = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let lines = [
        vec![vec![number(Slot::ALo, &[one.into()])]],
        vec![vec![address([127, 0, 0, 2])]],
        vec![vec![
            address([127, 0, 0, 1]),
            number(Slot::ALo, &[other.into()]),
        ]],
        vec![vec![is(&[&at("one"), &at("other-datagram")])]],
        vec![vec![begins(&[&at("o")])]],
        vec![vec![begins(&["\0one"])]],
        vec![vec![ends(&["-datagram"])]],
        vec![vec![is(&["/nowhere"]), number(Slot::ALo, &[1])]],
    ];
    let kinds = [kind::CONNECT, kind::BIND, kind::LISTEN, kind::SEND];
    agree(&mut watch, &script, &kinds, &lines, || {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).unwrap();
    });
    // Of an accept the remote port is never the same, its own end is.
    let local = [
        vec![number(Slot::Attr(1), &[one.into()])],
        vec![number(Slot::Attr(1), &[0])],
    ];
    for (lines, count) in [(&local[..1], 2), (&local[..], 6)] {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).unwrap();
        watch
            .sensor
            .set_filter(&wants(&[kind::ACCEPT], lines))
            .unwrap();
        watch.seen.clear();
        let (pid, _) = python(&script);
        watch.expect("exit", of(kind::EXIT, pid));
        watch.settle();
        let told = watch.seen.iter().filter(|e| of(kind::ACCEPT, pid)(e));
        assert_eq!(told.count(), count);
    }
}

#[test]
fn passed_descriptors_are_narrowed_by_what_they_are() {
    let stream = [number(Slot::AHi, &[stream_kind::PIPE.into()])];
    let Some(mut watch) = Watch::start(&wants(&[kind::PASSED], &[stream.to_vec()])) else {
        return;
    };
    let (pid, told) = python(
        "p, q = socket.socketpair(); r, w = os.pipe()
socket.send_fds(p, [b'x'], [r, p.fileno(), w]); socket.recv_fds(q, 9, 9)
print(os.fstat(r).st_ino)",
    );
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let passed: Vec<u64> = watch
        .seen
        .iter()
        .filter(|e| of(kind::PASSED, pid)(e))
        .map(|e| e.b)
        .collect();
    assert_eq!(passed, [told.parse::<u64>().unwrap(); 2]);
}

/// What each of two servers and their clients say; the ports come first.
const CONVERSATIONS: &str = "
hello = bytes.fromhex('HELLO')
for port in [ONE, OTHER]:
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', port)); s.listen()
    for what in [b'mining.subscribe', hello]:
        c = socket.create_connection(('127.0.0.1', port)); a, peer = s.accept()
        c.send(what); a.recv(9999)
        a.send(b'answer'); c.recv(99)
        c.close(); a.close()
    g = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); g.bind(('127.0.0.1', port))
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.sendto(b'datagram', ('127.0.0.1', port)); g.recv(99)
";

/// The first message of a client of TLS 1.2, without a name.
fn hello() -> String {
    let body = format!("0303{}00000213010100", "11".repeat(32));
    let message = format!("01{:06x}{body}", body.len() / 2);
    format!("160301{:04x}{message}", message.len() / 2)
}

#[test]
fn packets_are_narrowed_by_what_they_say_of_themselves() {
    let Some(mut watch) = Watch::start(&wants(&[kind::TLS], &[Vec::new()])) else {
        return;
    };
    if !watch.sensor.senses(kind::TLS) {
        skip("no packets are seen here");
        return;
    }
    let [one, other] = free_ports();
    let script = CONVERSATIONS
        .replace("HELLO", &hello())
        .replace("ONE", &one.to_string())
        .replace("OTHER", &other.to_string());
    let mut run = |filter: &Filter| -> Vec<(u16, u64, u64, String)> {
        watch.sensor.set_filter(filter).unwrap();
        watch.seen.clear();
        let (pid, _) = python(&script);
        watch.expect("exit", of(kind::EXIT, pid));
        watch.settle();
        let of_flows = [kind::SENT, kind::RECEIVED, kind::TLS];
        let own = |e: &&Event| e.task.process.pid == pid && of_flows.contains(&e.kind);
        let told = |e: &Event| {
            let marks = e.number(Slot::Attr(2)).unwrap_or(0);
            (e.kind, e.a & 0xffff_ffff, marks, text(&e.text))
        };
        let mut all: Vec<_> = watch.seen.iter().filter(own).map(told).collect();
        all.sort();
        all
    };
    let outbound = u64::from(stream_mark::OUTBOUND);
    let (one, other) = (u64::from(one), u64::from(other));

    // By the port: of connections that were made to it, and of the datagram.
    let told = run(&wants(&[kind::SENT], &[vec![number(Slot::ALo, &[one])]]));
    assert!(
        told.iter()
            .all(|(kind, port, ..)| (*kind, *port) == (kind::SENT, one))
    );
    assert_eq!(told.len(), 3, "{told:?}");

    // By which side made the connection.
    let made = (Slot::Attr(2), Values::AnyBit(outbound));
    let told = run(&wants(&[kind::SENT], &[vec![made]]));
    assert!(told.iter().all(|(.., marks, _)| *marks == outbound));
    assert_eq!(told.len(), 4, "{told:?}");
    let udp = number(Slot::Attr(1), &[17]);
    let told = run(&wants(&[kind::RECEIVED], &[vec![udp]]));
    assert!(told.iter().all(|(.., said)| said == "datagram"));
    assert_eq!(told.len(), 2, "{told:?}");

    // By what they say, and by the address.
    let said = begins(&["mining."]);
    let told = run(&wants(&[kind::SENT, kind::RECEIVED], &[vec![said]]));
    assert!(told.iter().all(|(.., said)| said == "mining.subscribe"));
    assert_eq!(told.len(), 4, "{told:?}");
    let elsewhere = Texts::new(How::Is, &[vec![127, 0, 0, 9]], false);
    let elsewhere = (Slot::Text2, Values::Texts(elsewhere));
    assert_eq!(run(&wants(&[kind::SENT], &[vec![elsewhere]])), []);

    // What is read out of packets has a narrowing of its own.
    let mut filter = wants(&[kind::TLS], &[vec![number(Slot::ALo, &[other])]]);
    let told = run(&filter);
    assert_eq!(told, [(kind::TLS, other, 0, String::new())]);
    filter.union(&wants(&[kind::SENT], &[vec![begins(&["answer"])]]));
    let told = run(&filter);
    assert_eq!(
        told.iter().filter(|(kind, ..)| *kind == kind::TLS).count(),
        1
    );
    assert_eq!(told.iter().filter(|(.., said)| said == "answer").count(), 4);
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(watch.sensor.losses(), []);
}

#[test]
fn ends_of_connections_are_narrowed_by_their_bytes() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let [one, other] = free_ports();
    let script = CONVERSATIONS
        .replace("HELLO", &hello())
        .replace("ONE", &one.to_string())
        .replace("OTHER", &other.to_string());
    let (one, other) = (u64::from(one), u64::from(other));
    let mut run = |tests: Tests| -> Vec<(u64, u64)> {
        let filter = wants(&[kind::DISCONNECT], &[tests]);
        watch.sensor.set_filter(&filter).unwrap();
        watch.seen.clear();
        let (pid, _) = python(&script);
        watch.expect("exit", of(kind::EXIT, pid));
        watch.settle();
        assert!(!watch.seen.iter().any(of(kind::ACCEPT, pid)));
        let own = watch.seen.iter().filter(|e| of(kind::DISCONNECT, pid)(e));
        let mut all: Vec<_> = own.map(|e| (e.a & 0xffff_ffff, e.a >> 32)).collect();
        all.sort();
        all
    };
    let (made, accepted) = (
        u64::from(stream_mark::OUTBOUND),
        u64::from(stream_mark::ACCEPTED),
    );
    let mut both = [(one, made), (other, made)];
    both.sort();
    let sent = |bytes: u64| number(Slot::Attr(1), &[bytes]);
    assert_eq!(run(vec![sent(16)]), both, "what a miner says");
    let answered = run(vec![sent(6)]);
    assert_eq!(answered.len(), 4, "{answered:?}");
    assert!(answered.iter().all(|(_, side)| *side == accepted));
    // The end of what the other side sent counts as one.
    let received = number(Slot::Attr(2), &[17]);
    assert_eq!(run(vec![received]).len(), 2);
    let local = Texts::new(How::Is, &[vec![127, 0, 0, 1]], false);
    let local = (Slot::Text, Values::Texts(local));
    let told = run(vec![local, number(Slot::ALo, &[one])]);
    assert_eq!(told, [(one, made); 2]);
}

#[test]
fn questions_of_names_are_narrowed_by_who_asks() {
    // A name server of its own is in a network namespace of its own.
    const ASK: &str = "
call(272, 0x40000000)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53))
for user in [7, 8]:
    if os.fork() == 0:
        os.setresuid(user, user, user)
        q = b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x01u\\0\\0\\x01\\0\\x01'
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(q, ('127.0.0.1', 53))
        os._exit(0)
    os.wait()
";
    let mut filter = Filter::context();
    let asks = Line::default().and(Probe::Uid, Values::of(&[8], false));
    filter.want(kind::DNS, Lines::from(asks));
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    if !watch.sensor.senses(kind::DNS) {
        skip("no packets are seen here");
        return;
    }
    let (pid, _) = python(ASK);
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let ours = |e: &&Event| e.kind == kind::DNS && e.task.parent.pid == pid;
    let users: Vec<u32> = watch.seen.iter().filter(ours).map(|e| e.task.uid).collect();
    assert_eq!(users, [8]);
}
