// Runs a plugin natively over a story that a test tells: processes are born, execute, connect and
// exit, and every event carries the rows of its moment, as the host would send them.

export { Actor, Exec, Fd, Scene } from './scene.js';
export { reset, seen } from './services.js';
