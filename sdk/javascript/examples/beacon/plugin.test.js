// Stories of calls: `npm install && npm test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Exec, Scene } from 'vedette-sdk/testkit';
import Beacon from './plugin.js';

/** A process that calls an address after each of these seconds. */
function calls(seconds, address = [192, 0, 2, 1]) {
  const scene = new Scene();
  const actor = scene.process(new Exec('/tmp/implant', 'implant'));
  const events = seconds.map((wait) => {
    scene.wait(wait);
    return scene.connect(actor, address, 443);
  });
  return { scene, actor, events };
}

test('eight calls by the clock', () => {
  const { scene, actor, events } = calls([60, 61, 59, 60, 62, 60, 58, 60]);
  const [finding, ...others] = scene.findings(Beacon);
  assert.deepEqual(others, []);
  assert.equal(finding.process, actor.key);
  assert.deepEqual(finding.evidence.map((e) => e.event), events);
  assert.deepEqual(scene.findingsReloaded(Beacon), [finding]);
});

test('calls as people make them', () => {
  const { scene } = calls([60, 10, 200, 5, 90, 44, 300, 1]);
  assert.deepEqual(scene.findings(Beacon), []);
});

test('a conversation, loopback, and what the operator knows', () => {
  assert.deepEqual(calls(Array(20).fill(0.2)).scene.findings(Beacon), []);
  assert.deepEqual(calls(Array(8).fill(60), [127, 0, 0, 1]).scene.findings(Beacon), []);
  const known = { known: ['192.0.2.1'] };
  assert.deepEqual(calls(Array(8).fill(60)).scene.findings(Beacon, known), []);
});
