//! People and jobs that are served by something with connections of its own.

use crate::desk::Desk;
use vedette_tests::{
    http::{HttpServer, free_port},
    sshd::Sshd,
    tools::Names,
};

/// An agent that is connected to its controller and reads what its job prints.
pub fn installers_in_jobs(names: Names) {
    let desk = Desk::new(names);
    let (controller, web) = (
        HttpServer::start("a job\n"),
        HttpServer::start("echo installing as $(id -u)\n"),
    );
    let [python, bash, sh, curl] = ["python3", "bash", "sh", "curl"].map(|name| desk.get(name));
    let job = desk.file(
        "job.sh",
        &format!(
            "{curl} -s http://127.0.0.1:{0}/ | {sh}\n{bash} <({curl} -s http://127.0.0.1:{0}/)\n",
            web.port()
        ),
    );
    let agent = desk.file(
        "agent",
        &format!(
            "import socket, subprocess
controller = socket.create_connection(('127.0.0.1', {}))
job = subprocess.Popen(['{bash}', '-e', '{job}'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for line in job.stdout: print(line.decode(), flush=True)
assert job.wait() == 0
",
            controller.port()
        ),
    );
    let log = desk.done(&format!("{python} {agent}"));
    assert_eq!(log.matches("installing as 0").count(), 2, "{log}");
}

/// Somebody who forwards ports both ways, and works meanwhile.
pub fn ssh_that_forwards_both_ways(names: Names) {
    let desk = Desk::new(names);
    let sshd = Sshd::start(&desk.tools, &desk.mark);
    let web = HttpServer::start("over there\n");
    let [ssh, curl, bash] = ["ssh", "curl", "bash"].map(|name| desk.get(name));
    let (to, ports, web) = (sshd.client(), [free_port(), free_port()], web.port());
    let log = desk.done(&format!(
        "{{ echo '{curl} -s http://127.0.0.1:{1}/; echo ready > ready'
until test -s here; do sleep 0.05; done
echo '{bash}'; echo 'echo answer $((6*7)); exit'; echo exit; }} |
{ssh} {to} -L {0}:127.0.0.1:{web} -R {1}:127.0.0.1:{web} -tt machine \"cd $PWD; exec {bash} -i\" &
until test -s ready; do sleep 0.05; done
{curl} -s http://127.0.0.1:{0}/ > there
cp there here
wait $!",
        ports[0], ports[1]
    ));
    assert!(
        log.contains("over there") && log.contains("answer 42"),
        "{log}"
    );
}

/// A server that shows a terminal to who connects, and is connected elsewhere itself.
pub fn terminals_in_a_browser(names: Names) {
    let desk = Desk::new(names);
    let web = HttpServer::start("a kernel\n");
    let [python, bash] = ["python3", "bash"].map(|name| desk.get(name));
    let port = free_port();
    let server = desk.file(
        "server",
        &format!(
            "import os, pty, socket
listener = socket.create_server(('127.0.0.1', {port}))
kernel = socket.create_connection(('127.0.0.1', {}))
browser, _ = listener.accept()
child, terminal = pty.fork()
if child == 0: os.execv('{bash}', ['{bash}', '-i'])
os.write(terminal, browser.recv(4096))
try:
    while out := os.read(terminal, 4096): browser.sendall(out)
except OSError: pass
os.waitpid(child, 0)
",
            web.port()
        ),
    );
    let log = desk.done(&format!(
        "{python} {server} & server=$!
{python} -c 'import socket, time
while True:
    try: browser = socket.create_connection((\"127.0.0.1\", {port})); break
    except OSError: time.sleep(0.05)
browser.sendall(b\"echo answer $((6*7)); exit\\n\")
while out := browser.recv(4096): print(out.decode(), flush=True)'
wait $server"
    ));
    assert!(log.contains("answer 42"), "{log}");
}
