// Asks every service about each execution. Its twins in the other languages say the same.

import {
  Failure,
  Plugin,
  Severity,
  action,
  bytes,
  context,
  file,
  fileRole,
  intel,
  log,
  state,
  timer,
} from 'vedette-sdk';

function told(ask, tell = String) {
  try {
    return tell(ask());
  } catch (error) {
    if (error instanceof Failure) return `failure ${error.number}`;
    throw error;
  }
}

function hits(ask) {
  return told(ask, (found) => found.map((hit) => `${hit.list}/${hit.entry}/${hit.note}`).join('+'));
}

export default class Asks extends Plugin {
  event(event, findings) {
    if (event.timer) {
      const message = `timer ${event.timer.token} at ${event.at / 1_000_000_000n}`;
      findings.raise('told', Severity.INFO).message(message);
      return;
    }
    if (event.container) {
      const { id, mount, marks } = event.container;
      const message = `container ${bytes.text(id)} has ${bytes.text(mount)}, marks ${marks}`;
      findings.raise('told', Severity.INFO).message(message);
      return;
    }
    const { exec, process } = event;
    if (!exec || !process) return;
    if (process.container) {
      const { mounts, marks } = process.container;
      const message = `in one with ${mounts.map(bytes.text).join('+')}, marks ${marks}`;
      findings.raise('told', Severity.INFO).message(message);
      return;
    }
    log.trace('asking');
    const path = fileRole.PATH;
    const said = [
      told(() => file.sha256(event, path), (digest) => bytes.hex(digest.subarray(0, 2))),
      hits(() => intel.digest(file.sha256(event, path))),
      told(() => file.head(event, path, 4), bytes.hex),
      told(() => file.stat(event, path).size),
      told(() => file.elf(event, fileRole.IMAGE), (elf) => `${elf.interpreter} ${elf.needed.join('+')}`),
      told(() => context.sockets(event, process), (sockets) => sockets.map((one) => one.remotePort).join('+')),
      told(() => context.sockets(event, 1n), () => 'a stranger'),
      hits(() => intel.address(Uint8Array.of(192, 0, 2, 7))),
      hits(() => intel.address(Uint8Array.of(192, 0, 2, 8))),
      hits(() => intel.domain('www.Evil.example.')),
      hits(() => intel.domain('notevil.example')),
      told(() => state.set('k'.repeat(257), ''), () => 'kept'),
      told(() => state.set('big', new Uint8Array(64 << 10)), () => 'kept'),
      told(() => state.set('bigger', new Uint8Array((64 << 10) + 1)), () => 'kept'),
      told(() => state.count('n', 3, 9)),
      bytes.hex(state.get('n') ?? new Uint8Array(0)) || 'none',
      String(state.keys('', '', 9).length),
      told(() => timer.set(process.key, 5), () => 'set'),
    ];
    findings
      .raise('told', Severity.INFO)
      .process(process)
      .message(said.join(', '))
      .evidence(event, 'asked')
      .propose(action.KILL, { target: process, event });
  }
}
