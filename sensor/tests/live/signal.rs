use crate::observe::{Watch, of, python};
use vedette_contract::{kind, values::signal_result};
use vedette_sensor::filter::Filter;

#[test]
fn signals_to_other_processes() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "import signal, threading
def child(act):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        act(); os.write(w, b'.'); time.sleep(20); os._exit(0)
    os.read(r, 1)
    return pid
a = child(lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
os.kill(a, signal.SIGUSR1)
os.kill(a, 0)
# Its own: none of these is told.
signal.signal(signal.SIGUSR2, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR2)
signal.raise_signal(signal.SIGUSR2)
t = threading.Thread(target=time.sleep, args=(0.05,)); t.start()
signal.pthread_kill(t.ident, signal.SIGUSR2); t.join()
signal.setitimer(signal.ITIMER_REAL, 0.01); signal.signal(signal.SIGALRM, lambda *_: None)
time.sleep(0.05)
# With a code that says that a timer of the kernel's sent it.
info = struct.pack('3i', signal.SIGTERM, 0, -2) + bytes(116)
b = child(lambda: None)
assert call(129, b, signal.SIGTERM, info) == 0
os.waitpid(b, 0)
fd = os.pidfd_open(a)
signal.pidfd_send_signal(fd, signal.SIGSTOP)
os.waitpid(a, os.WUNTRACED)
os.kill(a, signal.SIGKILL); os.waitpid(a, 0)
print(a, b)",
    );
    let exit = watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    let sent = of(kind::SIGNAL, pid);
    let all: Vec<_> = watch.seen.iter().filter(|e| sent(e)).collect();
    let (a, b) = told.split_once(' ').unwrap();
    let expected = [
        (a, 10, signal_result::IGNORED),
        (b, 15, signal_result::DELIVERED),
        (a, 19, signal_result::DELIVERED),
        (a, 9, signal_result::DELIVERED),
    ];
    assert_eq!(all.len(), expected.len(), "{all:?}");
    for (event, (receiver, signal, result)) in all.iter().zip(expected) {
        assert_eq!(event.a, signal | u64::from(result) << 32);
        let receiver: u32 = receiver.parse().unwrap();
        let born = watch
            .seen
            .iter()
            .find(|e| e.kind == kind::FORK && e.target.is_some_and(|t| t.pid == receiver));
        assert_eq!(event.target, born.unwrap().target);
        assert!(event.at < exit.at);
    }
    // Nothing that the kernel sends by itself, of which a child's death is the most frequent.
    assert!(
        !watch
            .seen
            .iter()
            .any(|e| e.kind == kind::SIGNAL && e.a as u32 == 17)
    );
}
