// The host's services, in the memory of the test.

import { failure, fileRole, processMark } from '../catalogue.js';
import { batchOfRows } from './tables.js';
import { Bytes } from './keyed.js';

/** What the plugin gave to the host's services. */
export const seen = {};

/** What the services are to answer. What is not there is not known: it fails as unavailable. */
export const answers = {};

/** Events of the batch that is being judged, by id. */
export const told = new Map();

/** Forgets everything, as for a plugin that was never loaded before. */
export function reset({ keepAnswers = false } = {}) {
  Object.assign(seen, {
    log: [],
    counters: new Map(),
    gauges: new Map(),
    state: new Bytes(),
    counts: new Bytes(),
    timers: new Map(),
    fired: 0n,
    now: 0n,
  });
  told.clear();
  if (!keepAnswers) {
    Object.assign(answers, {
      sockets: new Map(),
      facts: new Bytes(),
      sha256: new Bytes(),
      content: new Bytes(),
      elf: new Bytes(),
      addresses: new Bytes(),
      domains: new Bytes(),
      digests: new Bytes(),
    });
  }
}

reset();

/** A call begins in this step of the clock. A timer that `init` set before there was a time is due
 * that much later. */
export function passTime(now) {
  if (seen.now === 0n) seen.timers = new Map([...seen.timers].map(([token, at]) => [token, at + now]));
  if (now > seen.now) seen.now = now;
}

function fail(number) {
  throw Object.assign(new Error(`failure ${number}`), { payload: number });
}

function eventOf(id) {
  return told.get(id) ?? fail(failure.NOT_SENT);
}

function known(map, key) {
  return map.get(key) ?? fail(failure.UNAVAILABLE);
}

function living(rows, matches, most) {
  const alive = rows.filter((row) => matches(row) && (row.marks & processMark.EXITED) === 0);
  const found = alive.slice(0, most);
  return [found.length, batchOfRows(found)];
}

function path(id, role) {
  const { act, process, target } = eventOf(id);
  switch (role) {
    case fileRole.IMAGE:
      return process.exe;
    case fileRole.TARGET_IMAGE:
      return target.exe;
    case fileRole.OTHER_PATH:
      return act.text2;
    default:
      return act.text;
  }
}

const state = {
  get(key) {
    const { value, ends } = seen.state.get(key) ?? {};
    return ends === 0n || ends > seen.now ? value : undefined;
  },
  set(key, value, ttl) {
    seen.state.set(key, { value, ends: ttl === 0n ? 0n : seen.now + ttl });
  },
  delete(key) {
    seen.state.delete(key);
  },
  count(key, add, window) {
    const before = seen.counts.get(key);
    const goesOn = before && seen.now < before.ends;
    const sum = (goesOn ? before.sum : 0n) + add;
    seen.counts.set(key, { sum, ends: goesOn ? before.ends : seen.now + window });
    return sum;
  },
  keys(prefix, after, most) {
    const within = seen.state.keysAfter(prefix, after);
    return within.filter((key) => state.get(key) !== undefined).slice(0, most);
  },
};

const INTEL = { 1: 'addresses', 2: 'domains', 3: 'digests' };

export const services = {
  log: { write: (level, message) => void seen.log.push(`${level}: ${message}`) },
  metrics: {
    add: (name, value) => void seen.counters.set(name, (seen.counters.get(name) ?? 0n) + value),
    set: (name, value) => void seen.gauges.set(name, value),
  },
  state,
  context: {
    process(id, key) {
      const found = eventOf(id).rows.filter((row) => row.key === key);
      return found.length > 0 ? batchOfRows(found) : fail(failure.NOT_FOUND);
    },
    children: (id, key, most) => living(eventOf(id).rows, (row) => row.parent?.key === key, most),
    members: (id, key, most) => living(eventOf(id).rows, (row) => row.container === key, most),
    sockets: (id, key) => (eventOf(id), known(answers.sockets, key)),
  },
  file: {
    stat: (id, role) => known(answers.facts, path(id, role)),
    sha256: (id, role) => known(answers.sha256, path(id, role)),
    head: (id, role, len) => known(answers.content, path(id, role)).subarray(0, Math.min(len, 64 << 10)),
    elf: (id, role) => known(answers.elf, path(id, role)),
  },
  intel: { lookUp: (kind, value) => answers[INTEL[kind]]?.get(value) ?? [] },
  timer: {
    set: (token, after) => void seen.timers.set(token, seen.now + (after || 1n)),
    clear: (token) => void seen.timers.delete(token),
  },
};
