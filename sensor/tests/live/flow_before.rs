//! Sockets that were there before anybody wanted what goes through them.

use crate::observe::{Watch, of, python, skip, text};
use vedette_contract::kind;
use vedette_sensor::{event::Event, filter::Filter};

#[test]
fn messages_through_sockets_of_before() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (made, go) = (dir.path().join("made"), dir.path().join("go"));
    let act = std::thread::spawn({
        let (made, go) = (made.display().to_string(), go.display().to_string());
        move || {
            python(&format!(
                "call(272, 0x40000000)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 0')
r = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
p = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
open('{made}', 'w')
while not os.path.exists('{go}'): time.sleep(0.01)
def message(kind, data):
    m = struct.pack('>BBHHH', kind, 0, 0, 7, 1) + data
    c = sum(struct.unpack('>%dH' % (len(m) // 2), m)); c = (c >> 16) + (c & 0xffff); c += c >> 16
    return m[:2] + struct.pack('>H', ~c & 0xffff) + m[4:]
r.sendto(message(8, b'a tunnel'), ('127.0.0.1', 0))
p.sendto(message(8, b'a ping!!'), ('127.0.0.1', 0))
r.sendto(message(0, b'response'), ('127.0.0.1', 0))
print(os.fstat(r.fileno()).st_ino, os.fstat(p.fileno()).st_ino)"
            ))
        }
    });
    while !made.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind::ICMP);
    watch.sensor.set_filter(&filter).unwrap();
    let seen = watch.sensor.senses(kind::ICMP);
    std::fs::write(&go, "").unwrap();
    let (pid, told) = act.join().unwrap();
    if !seen {
        skip("no packets are seen here");
        return;
    }
    let (raw, ping) = told.split_once(' ').unwrap();
    let (raw, ping): (u64, u64) = (raw.parse().unwrap(), ping.parse().unwrap());
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let all: Vec<(String, u64)> = watch
        .seen
        .iter()
        .filter(|e: &&Event| e.kind == kind::ICMP && e.task.process.pid == pid)
        .map(|e| (text(&e.text), e.b))
        .collect();
    // And nothing of what the kernel answers.
    assert_eq!(
        all,
        [
            ("a tunnel".to_owned(), raw),
            ("a ping!!".to_owned(), ping),
            ("response".to_owned(), raw)
        ]
    );
}
