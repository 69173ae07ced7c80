// Write detection plugins for Vedette: a class, a manifest and one method.

export * as bytes from './bytes.js';
export * as cmdline from './cmdline.js';
export * as net from './net.js';
export { BoundedMap } from './bounded.js';
export * from './catalogue.js';
export { Failure } from './failure.js';
export { Finding, Findings, Severity } from './finding.js';
export { Flags } from './lineage.js';
export { Plugin, Refused } from './plugin.js';
export { Process } from './process.js';
export { Sequences } from './sequence.js';
export { context, file, intel, log, metrics, state, timer } from './services.js';
export { pack, unpack } from './snapshot.js';
export { Stream } from './stream.js';
export { Windows, distinct } from './window.js';
