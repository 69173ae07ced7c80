// What the test kit answers, natively and in the sandbox.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { bytes, containerMark, failure, kind, state, timer } from 'vedette-sdk';
import { Exec, Scene, reset } from 'vedette-sdk/testkit';
import Asks from './plugin.js';

const MOUNT = 6;

function given() {
  const scene = new Scene();
  scene.list('b', '192.0.2.0/24 a network\n192.0.2.7 a host');
  scene.list('a', `*.evil.example\n${'aa'.repeat(32)} a file`);
  scene.list('a', '192.0.2.0/24');
  scene.file('/tmp/known', {
    sha256: new Uint8Array(32).fill(0xaa),
    content: '\x7fELF and more',
    elf: { interpreter: '/lib/ld.so', needed: ['libc.so.6', 'libm.so.6'] },
    facts: { size: 7n },
  });
  scene.file('/tmp/gone', { failure: failure.NOT_FOUND });
  return scene;
}

function expect(scene, name) {
  const lines = readFileSync(new URL(name, import.meta.url), 'utf8').trimEnd().split('\n');
  assert.deepEqual(scene.findings(Asks).map(({ message }) => message), lines);
}

const quota = { number: failure.QUOTA };

test('what is given is answered', () => {
  const scene = given();
  const actor = scene.process(new Exec('/bin/sh', 'sh').shell());
  scene.sockets(actor, [{ remotePort: 443 }, { remotePort: 80 }]);
  scene.exec(actor, new Exec('/tmp/known', 'known'));
  scene.exec(actor, new Exec('/tmp/gone', 'gone'));
  scene.wait(6);
  expect(scene, 'answers.txt');
});

test('what is known of a container', () => {
  const scene = new Scene();
  const actor = scene.process(new Exec('/bin/sh', 'sh').shell());
  scene.contain(actor, 7);
  scene.exec(actor, new Exec('/bin/early', 'early'));
  const mounts = ['/:/host:rw', '/srv:/data:ro'].map((text) => [MOUNT, 0n, bytes.of(text)]);
  scene.describe(actor, containerMark.HOST_PID, mounts);
  const child = scene.fork(actor);
  scene.exec(child, new Exec('/bin/late', 'late'));
  const b = BigInt(containerMark.PRIVILEGED);
  scene.tellAlone({ kind: kind.CONTAINER, b, text: bytes.of('7'), attrs: mounts });
  expect(scene, 'described.txt');
});

test('what is not given is unavailable', () => {
  const scene = new Scene();
  const actor = scene.process(new Exec('/bin/sh', 'sh').shell());
  scene.exec(actor, new Exec('/tmp/known', 'known'));
  expect(scene, 'nothing.txt');
});

test('state and timers have their limits', () => {
  reset();
  for (let n = 0; n < 4096; n += 1) timer.set(n, 1);
  assert.throws(() => timer.set(5000, 1), quota);
  timer.set(7, 2);
  const value = new Uint8Array(65_530);
  for (let n = 0; n < 64; n += 1) state.set(`k${String(n).padStart(4, '0')}`, value);
  assert.throws(() => state.set('k9999', value), quota);
  state.delete('k0000');
  state.set('k9999', value);
});
