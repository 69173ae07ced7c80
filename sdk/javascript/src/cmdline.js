// Command lines.

import { equal, startsWith } from './bytes.js';

// Names by which a file of many applets is called to be a shell.
const SHELL_APPLETS = ['sh', 'ash', 'hush', 'bash', 'lash', 'msh'];
// Beginnings of the names by which such a file takes the applet from its first argument.
const OWN_NAMES = ['busybox', 'toybox'];

const SLASH = 0x2f;
const DASH = 0x2d;

/** The arguments of a command line in which a NUL stands between them. */
export function split(commandLine) {
  if (commandLine.length === 0) return [];
  const args = [];
  let start = 0;
  for (;;) {
    const end = commandLine.indexOf(0, start);
    if (end < 0) break;
    args.push(commandLine.subarray(start, end));
    start = end + 1;
  }
  args.push(commandLine.subarray(start));
  return args;
}

/** What follows the last slash of a path. */
export function baseName(path) {
  return path.subarray(path.lastIndexOf(SLASH) + 1);
}

/** The arguments of the applet that these arguments call, its own name first. */
export function applet(args) {
  if (args.length === 0) return args;
  const name = baseName(args[0]);
  return OWN_NAMES.some((own) => startsWith(name, own)) ? args.slice(1) : args;
}

/** Whether a file of many applets that is called with these arguments is a shell. */
export function isShellApplet(args) {
  const [called] = applet(args);
  if (called === undefined) return false;
  const name = baseName(called[0] === DASH ? called.subarray(1) : called);
  return SHELL_APPLETS.some((shell) => equal(name, shell));
}

