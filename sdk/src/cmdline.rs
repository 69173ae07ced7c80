//! Command lines.

use std::iter::FusedIterator;

/// The arguments of a command line in which a NUL stands between them.
#[derive(Clone, Debug)]
pub struct Args<'a>(Option<&'a [u8]>);

impl<'a> Args<'a> {
    /// The arguments of these bytes; none where there is nothing.
    pub fn new(command_line: &'a [u8]) -> Self {
        Args((!command_line.is_empty()).then_some(command_line))
    }
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        match rest.iter().position(|b| *b == 0) {
            Some(end) => {
                self.0 = Some(&rest[end + 1..]);
                Some(&rest[..end])
            }
            None => self.0.take(),
        }
    }
}

impl FusedIterator for Args<'_> {}

/// What follows the last slash of a path.
pub fn base_name(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    &path[start..]
}

/// Names by which a file of many applets is called to be a shell.
const SHELL_APPLETS: [&[u8]; 6] = [b"sh", b"ash", b"hush", b"bash", b"lash", b"msh"];

/// Beginnings of the names by which such a file takes the applet from its first argument. The
/// file itself compares so: under any other name it calls the applet of that name or none.
const OWN_NAMES: [&[u8]; 2] = [b"busybox", b"toybox"];

/// The arguments of the applet that these arguments call, its own name first.
pub fn applet(mut args: Args<'_>) -> Args<'_> {
    let all = args.clone();
    match args.next() {
        Some(name) if OWN_NAMES.iter().any(|own| base_name(name).starts_with(own)) => args,
        _ => all,
    }
}

fn is_shell_name(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"-").unwrap_or(name);
    SHELL_APPLETS.contains(&base_name(name))
}

/// Whether a file of many applets that is called with these arguments is a shell.
pub fn is_shell_applet(args: Args<'_>) -> bool {
    applet(args).next().is_some_and(is_shell_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &'static [u8]) -> Args<'static> {
        Args::new(line)
    }

    #[test]
    fn splits_at_nul_and_keeps_empty_arguments() {
        let all: Vec<_> = args(b"a\0\0b").collect();
        assert_eq!(all, [&b"a"[..], b"", b"b"]);
        assert_eq!(args(b"").count(), 0);
    }

    #[test]
    fn finds_the_shell_among_applets() {
        assert!(is_shell_applet(args(b"sh\0-i")));
        assert!(is_shell_applet(args(b"-ash")));
        assert!(is_shell_applet(args(b"/bin/busybox.static\0sh\0-i")));
        assert!(!is_shell_applet(args(b"busybox\0nc\0-l")));
        assert!(!is_shell_applet(args(b"cat\0sh")));
        assert!(!is_shell_applet(args(b"")));
    }
}
