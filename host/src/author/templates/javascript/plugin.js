// Finds programs that run from anonymous memory, so that no file of theirs can be looked at.

import { Plugin, Severity, bytes, processMark } from 'vedette-sdk';

export default class Detection extends Plugin {
  /**
   * @param {import('vedette-sdk').Event} event
   * @param {import('vedette-sdk').Findings} findings
   */
  event(event, findings) {
    // Each kind has its own view: `event.connect.port` and so on. docs/events.md lists them.
    const { exec, process } = event;
    // A deleted file has no name either: a program that was just updated executes itself.
    if (!exec || !process?.has(processMark.MEMFD_IMAGE)) return;
    findings
      .raise('fileless', Severity.HIGH)
      .process(process)
      // What the kernel gives is bytes: a name need not be text.
      .message(`${bytes.text(process.exe)} runs without a file`)
      .evidence(event, 'its image is in anonymous memory')
      // One process is one case, however often it executes.
      .dedup(`process ${process.key.toString(16)}`);
  }
}
