//! What came in over connections, to tell by it that a program runs what it was told to.
//!
//! A program that reads commands from its connection and runs each with its output on a pipe shows
//! nothing in descriptors: it looks like every agent that runs something. That what is executed is
//! what the other side wrote tells them apart.

use crate::command;
use vedette_sdk::bounded::Map;
use vedette_sdk::net;
use vedette_sdk::prelude::*;
use vedette_sdk::views::Received;

/// Ancestors among which whoever was told is looked for.
const LINEAGE: usize = 4;

/// Processes of which is kept what came in. Stops whoever connects in masses; the oldest is forgotten.
const MAX_HEARD: usize = 512;

/// Packets of a connection that are kept: as many as the sensor tells of one.
const MAX_PACKETS: usize = 32;

/// Bytes of a packet that are kept. A command may be as long.
const MAX_WORDS: usize = 512;

/// How long what was said counts, ns: commands are run when they come.
const MAX_AGE: u64 = 60_000_000_000;

/// The shortest command: of a single letter too much is one.
const MIN_COMMAND: usize = 2;

/// What came in over the latest connection of a process over which anything did.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Inode of its socket.
    pub socket: u64,
    /// Remote address and port, as people write them.
    pub endpoint: String,
    /// The latest event.
    pub event: u64,
    /// When that was, ns since boot.
    pub at: u64,
    /// What came in, by packet, each cut.
    pub packets: Vec<Box<[u8]>>,
}

/// What came in, by the key of the process that made the connection.
#[derive(Debug, Clone)]
pub struct Orders(Map<u64, Heard>);

impl Default for Orders {
    fn default() -> Self {
        Orders(Map::new(MAX_HEARD))
    }
}

impl Orders {
    /// Something came in over a connection that this process made.
    pub fn hear(&mut self, process: Process<'_>, event: Event<'_>, received: Received<'_>) {
        let (payload, socket) = (received.payload(), received.socket());
        // What is no text is no command; the first bytes tell it.
        let is_text = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace();
        if payload.is_empty() || !payload.iter().take(64).all(is_text) {
            return;
        }
        let heard = self.0.get_or_insert_with(process.key(), || Heard {
            socket,
            endpoint: net::endpoint(received.address(), received.port()),
            event: event.id(),
            at: event.at(),
            packets: Vec::new(),
        });
        if heard.socket != socket {
            heard.socket = socket;
            heard.endpoint = net::endpoint(received.address(), received.port());
            heard.packets.clear();
        }
        (heard.event, heard.at) = (event.id(), event.at());
        if heard.packets.len() < MAX_PACKETS {
            let kept = payload.len().min(MAX_WORDS);
            heard.packets.push(payload[..kept].into());
        }
    }

    /// What every process heard, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Heard)> {
        self.0.iter().map(|(key, heard)| (*key, heard))
    }

    /// Takes in what a process heard, as a whole.
    pub fn put(&mut self, key: u64, heard: Heard) {
        self.0.insert(key, heard);
    }

    /// A process is gone.
    pub fn forget(&mut self, key: u64) {
        self.0.remove(&key);
    }

    /// The ancestor that was told over its connection to run what this process has just executed,
    /// and what it heard.
    pub fn ordered<'a>(
        &self,
        event: Event<'a>,
        process: Process<'a>,
    ) -> Option<(Process<'a>, &Heard)> {
        if self.0.is_empty() {
            return None;
        }
        // Forks of it, too. What a shell below it runs is the shell's own.
        let parent = process.parent()?;
        let same = |one: &Process<'_>| one.exe() == parent.exe();
        let near = parent.lineage().take(LINEAGE).take_while(same);
        let told = near.filter_map(|one| Some((one, self.0.get(&one.key())?)));
        let mut told = told
            .filter(|(_, heard)| event.at().saturating_sub(heard.at) <= MAX_AGE)
            .peekable();
        told.peek()?;
        let run = run_by(process);
        told.find(|(_, heard)| heard.orders(&run))
    }
}

impl Heard {
    fn orders(&self, run: &Run) -> bool {
        // What was cut into pieces on the way, too.
        let whole = self.packets.concat();
        let texts = self.packets.iter().map(|packet| &**packet);
        texts
            .chain([&*whole])
            .flat_map(|text| text.split(|byte| *byte == b'\n'))
            .any(|line| is_order(line, run))
    }
}

/// What a process runs.
enum Run {
    /// A shell, these commands.
    Commands(Vec<Vec<u8>>),
    /// A program with its arguments, in words.
    Program(Vec<u8>),
}

fn run_by(process: Process<'_>) -> Run {
    match command::given(process) {
        Some(commands) => Run::Commands(parts(commands)),
        None => {
            let args: Vec<&[u8]> = process.args().collect();
            Run::Program(words(&args.join(&b' ')))
        }
    }
}

/// Whether this line orders it. Of a line that is handed to a shell the first command stands there,
/// perhaps with others around it; a shell that evaluates it runs each of its programs.
fn is_order(line: &[u8], run: &Run) -> bool {
    let ordered = parts(line);
    match run {
        Run::Commands(commands) => ordered
            .first()
            .is_some_and(|first| commands.contains(first)),
        Run::Program(program) => ordered.contains(program),
    }
}

/// The commands of a line of shell, each in words and without where it is redirected to.
fn parts(line: &[u8]) -> Vec<Vec<u8>> {
    line.split(|byte| b";|&\n(){}".contains(byte))
        .map(|part| {
            let end = part.iter().position(|byte| b"<>".contains(byte));
            // Where a number stands before, it is the descriptor's.
            let end = end.map_or(part.len(), |end| {
                let number = end > 0 && part[end - 1].is_ascii_digit();
                end - usize::from(number)
            });
            words(&part[..end])
        })
        .filter(|part| part.len() >= MIN_COMMAND)
        .collect()
}

/// The words of a command, without what quotes them, one blank between two.
fn words(command: &[u8]) -> Vec<u8> {
    let plain: Vec<u8> = command
        .iter()
        .copied()
        .filter(|byte| !b"'\"\\".contains(byte))
        .collect();
    let words: Vec<&[u8]> = plain
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str, program: &str) -> bool {
        is_order(line.as_bytes(), &Run::Program(words(program.as_bytes())))
    }

    fn given(line: &str, commands: &str) -> bool {
        is_order(line.as_bytes(), &Run::Commands(parts(commands.as_bytes())))
    }

    #[test]
    fn a_line_is_recognised_in_what_is_run() {
        assert!(given("id\r", "id"));
        assert!(given("id", "id 2>&1"));
        assert!(given("ls -la  /tmp", "cd /var/www; ls -la /tmp 2>&1"));
        assert!(given("echo first; id", "echo first; id"));
        assert!(ordered("echo first; id", "id"));
        assert!(ordered("cat '/etc/passwd' > /tmp/x", "cat /etc/passwd"));
    }

    #[test]
    fn what_is_run_for_it_is_no_order() {
        assert!(!given("example.org", "ping -c 1 example.org"));
        assert!(!ordered("example.org", "ping -c 1 example.org"));
        assert!(!given("OK", "echo OK"));
        assert!(!given("", ""));
        assert!(!ordered("w", "w"));
        assert!(!given("deploy id", "id"));
    }
}
