//! Where a shell or an interpreter takes its commands from, by its arguments.

use vedette_sdk::cmdline::{self, Args};
use vedette_sdk::prelude::*;

/// Where the commands come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// It is neither shell nor interpreter.
    NoInterpreter,
    /// From an argument; of an interpreter, or from a script.
    Elsewhere,
    /// A shell, from a file.
    Script,
    /// A shell, from its standard input.
    Commands,
    /// An interpreter, from its standard input.
    Program,
    /// An interpreter, line by line from its standard input.
    Dialogue,
}

impl Reads {
    /// Whether the commands come from standard input.
    pub fn commands(self) -> bool {
        matches!(self, Reads::Commands | Reads::Program | Reads::Dialogue)
    }
}

/// Where this process takes its commands from.
pub fn reads(process: Process<'_>) -> Reads {
    if process.is_shell() {
        let args = match process.image() {
            image_class::MULTICALL_SHELL => cmdline::applet(process.args()),
            _ => process.args(),
        };
        shell(args)
    } else if process.is_interpreter() {
        interpreter(process.args())
    } else {
        Reads::NoInterpreter
    }
}

/// The commands that a shell was given as an argument.
pub fn given(process: Process<'_>) -> Option<&[u8]> {
    if !process.is_shell() || reads(process) != Reads::Elsewhere {
        return None;
    }
    let is_c = |arg: &[u8]| arg.starts_with(b"-") && long(arg).is_none() && arg.contains(&b'c');
    let mut args = process.args().skip_while(|arg| !is_c(arg)).skip(1);
    args.find(|arg| option(arg).is_none())
}

/// Whether this is a shell that was started as a login, with a command or with a script: by
/// somebody who has said what it is for.
pub fn is_of_a_login(process: Process<'_>) -> bool {
    let login = || {
        process
            .args()
            .next()
            .is_some_and(|name| name.starts_with(b"-"))
    };
    process.is_shell() && (login() || matches!(reads(process), Reads::Elsewhere | Reads::Script))
}

/// Long options of shells that take the next argument as their value.
const LONG_WITH_VALUE: [&[u8]; 3] = [b"rcfile", b"init-file", b"emulate"];

/// Long options that bash takes with one dash as well.
const LONG_WITH_ONE_DASH: [&[u8]; 14] = [
    b"debugger",
    b"dump-po-strings",
    b"dump-strings",
    b"help",
    b"init-file",
    b"login",
    b"noediting",
    b"noprofile",
    b"norc",
    b"posix",
    b"protected",
    b"rcfile",
    b"restricted",
    b"verbose",
];

/// The name of a long option.
fn long(arg: &[u8]) -> Option<&[u8]> {
    let one = arg.strip_prefix(b"-")?;
    match one.strip_prefix(b"-") {
        Some(two) => Some(two).filter(|name| !name.is_empty()),
        None => Some(one).filter(|name| LONG_WITH_ONE_DASH.contains(name)),
    }
}

/// Whether an operand names standard input, however it is written.
fn is_stdin(operand: &[u8]) -> bool {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in operand.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    operand == b"-" || parts.ends_with(&[b"fd", b"0"]) || parts.ends_with(&[b"dev", b"stdin"])
}

fn shell(args: Args<'_>) -> Reads {
    let mut args = args.skip(1);
    let mut from_stdin = false;
    while let Some(arg) = args.next() {
        if let Some(name) = long(arg) {
            if LONG_WITH_VALUE.contains(&name) {
                args.next();
            }
            // The other long options take no value.
        } else if arg == b"--" || arg == b"-" {
            return match args.next() {
                Some(operand) => operand_of(operand, from_stdin),
                None => Reads::Commands,
            };
        } else if let Some(cluster) = option(arg) {
            if cluster.contains(&b'c') && arg[0] == b'-' {
                return Reads::Elsewhere;
            }
            from_stdin |= cluster.contains(&b's');
            // `-o name` and `-O name`.
            for _ in cluster.iter().filter(|c| c.eq_ignore_ascii_case(&b'o')) {
                args.next();
            }
        } else {
            return operand_of(arg, from_stdin);
        }
    }
    Reads::Commands
}

fn option(arg: &[u8]) -> Option<&[u8]> {
    arg.strip_prefix(b"-")
        .or_else(|| arg.strip_prefix(b"+"))
        .filter(|cluster| !cluster.is_empty())
}

fn operand_of(operand: &[u8], from_stdin: bool) -> Reads {
    if from_stdin || is_stdin(operand) {
        Reads::Commands
    } else {
        Reads::Script
    }
}

/// Options of Python that take the next argument as their value. To other interpreters they are
/// flags, before a script's path.
const WITH_VALUE: [&[u8]; 2] = [b"-W", b"-X"];

/// Interpreters differ in their options, but in all of them a first operand is a program (or the
/// value of an option that gives one), and `-i` asks for a dialogue.
fn interpreter(args: Args<'_>) -> Reads {
    let mut args = args.skip(1).peekable();
    while let Some(arg) = args.next() {
        if is_stdin(arg) {
            return Reads::Program;
        }
        match option(arg) {
            None => return Reads::Elsewhere,
            Some(b"i" | b"-interactive") => return Reads::Dialogue,
            Some(_) if WITH_VALUE.contains(&arg) => {
                args.next_if(|value| !is_path(value));
            }
            // `--eval=…` and `-e…` carry their program along.
            Some(cluster)
                if cluster.contains(&b'=') || cluster[0] == b'e' || cluster[0] == b'c' =>
            {
                return Reads::Elsewhere;
            }
            Some(_) => {}
        }
    }
    Reads::Program
}

/// Whether this is a file's name rather than the value of an option.
fn is_path(arg: &[u8]) -> bool {
    arg.contains(&b'/') || (arg.contains(&b'.') && !arg.contains(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell_of(line: &[&str]) -> Reads {
        shell(Args::new(line.join("\0").as_bytes()))
    }

    #[test]
    fn a_shell_without_operand_reads_standard_input() {
        for line in [
            &["sh"][..],
            &["-bash"],
            &["bash", "-i"],
            &["bash", "--norc", "-i"],
            &["bash", "--rcfile", "/tmp/x", "-i"],
            &["bash", "-o", "pipefail"],
            &["bash", "-eo", "pipefail", "+O", "extglob"],
            &["bash", "-s", "arg"],
            &["sh", "-"],
            &["sh", "--"],
            &["sh", "/dev/stdin"],
            &["sh", "-i", "/proc/self/fd/0"],
            &["sh", "/dev/fd/../fd/0"],
            &["sh", "/proc/thread-self/fd//./0"],
            &["bash", "-norc"],
            &["bash", "-noprofile", "-norc", "-i"],
            &["bash", "-rcfile", "/tmp/x", "-i"],
            &["bash", "-restricted"],
            &["zsh", "--emulate", "sh"],
        ] {
            assert_eq!(shell_of(line), Reads::Commands, "{line:?}");
        }
    }

    #[test]
    fn a_shell_with_a_command_or_a_script_does_not() {
        for line in [
            &["sh", "-c", "id"][..],
            &["bash", "-lc", "id"],
            &["bash", "-i", "-c", "id"],
            &["bash", "-eo", "pipefail", "-c", "id"],
            &["bash", "-norc", "-c", "id"],
        ] {
            assert_eq!(shell_of(line), Reads::Elsewhere, "{line:?}");
        }
        for line in [
            &["sh", "/x/script", "-i"][..],
            &["sh", "--", "script"],
            &["bash", "-x", "configure"],
            &["bash", "/dev/fd/63"],
            &["zsh", "--emulate", "sh", "script"],
        ] {
            assert_eq!(shell_of(line), Reads::Script, "{line:?}");
        }
    }

    #[test]
    fn interpreters() {
        let of = |line: &[&str]| interpreter(Args::new(line.join("\0").as_bytes()));
        assert_eq!(of(&["python3"]), Reads::Program);
        assert_eq!(of(&["python3", "-u", "-"]), Reads::Program);
        assert_eq!(of(&["python3", "-W", "ignore"]), Reads::Program);
        assert_eq!(of(&["python3", "-X", "dev", "-u"]), Reads::Program);
        assert_eq!(of(&["python3", "-W", "ignore", "a.py"]), Reads::Elsewhere);
        assert_eq!(of(&["perl", "-W", "a.pl"]), Reads::Elsewhere);
        assert_eq!(of(&["python3", "-i"]), Reads::Dialogue);
        assert_eq!(of(&["python3", "-u", "-c", "x"]), Reads::Elsewhere);
        assert_eq!(of(&["perl", "-e", "x"]), Reads::Elsewhere);
        assert_eq!(of(&["node", "--eval=x"]), Reads::Elsewhere);
        assert_eq!(of(&["node", "app.js", "-i"]), Reads::Elsewhere);
    }
}
