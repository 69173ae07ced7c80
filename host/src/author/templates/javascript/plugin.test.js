// Tests the code natively, over stories: `npm test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { processMark } from 'vedette-sdk';
import { Exec, Scene } from 'vedette-sdk/testkit';
import Detection from './plugin.js';

test('a program from memory is found', () => {
  const scene = new Scene();
  const child = scene.fork(scene.process(new Exec('/bin/bash', 'bash').shell()));
  scene.exec(child, new Exec('/memfd:x', 'x').marked(processMark.MEMFD_IMAGE));
  const [finding, ...others] = scene.findings(Detection);
  assert.equal(finding.rule, 'fileless');
  assert.equal(finding.process, child.key);
  assert.deepEqual(others, []);
});

test('a deleted file is not', () => {
  const scene = new Scene();
  const child = scene.fork(scene.process(new Exec('/bin/bash', 'bash').shell()));
  scene.exec(child, new Exec('/tmp/x', 'x').marked(processMark.DELETED_IMAGE));
  assert.deepEqual(scene.findings(Detection), []);
});
