// The host's services, in the memory of the test.

import { hex } from '../bytes.js';
import { failure, fileRole, processMark } from '../catalogue.js';
import { Bytes } from './keyed.js';
import { stateOf } from './state.js';
import { batchOfRows } from './tables.js';

/** What the plugin gave to the host's services. */
export const seen = {};

/** What the story gives, and what is going on in it. */
const stage = {};

/** What a test gives the services to answer from; what it does not say is not known. */
export class Given {
  /** The operator's lists, where the story has some. */
  lists = null;
  /** By path. */
  files = new Bytes();
  /** By the key of the process. */
  sockets = new Map();
  /** Bytes of state that the plugin may have. */
  state = 4 << 20;
}

/** Forgets everything, as for a plugin that was never loaded before. */
export function reset(given = new Given()) {
  Object.assign(seen, {
    log: [],
    counters: new Map(),
    gauges: new Map(),
    state: new Bytes(),
    timers: new Map(),
    fired: 0n,
    now: 0n,
  });
  Object.assign(stage, { given, told: new Map(), answered: new Map() });
}

reset();

/** A call begins in this step of the clock. What `init` did before there was a time ends that much
 * later. */
export function passTime(now) {
  const begins = seen.now === 0n;
  if (begins) seen.timers = new Map([...seen.timers].map(([token, at]) => [token, at + now]));
  if (now > seen.now) seen.now = now;
  for (const [key, entry] of seen.state.entries()) {
    const ends = begins && entry.ends > 0n ? entry.ends + now : entry.ends;
    if (ends === 0n || ends > seen.now) seen.state.set(key, { ...entry, ends });
    else seen.state.delete(key);
  }
}

/** The call is about these events; of the next ones, if `also`. */
export function judge(batch, { also = false } = {}) {
  if (!also) stage.told.clear();
  batch.forEach((told) => stage.told.set(told.id, told));
}

/** What was answered to questions about the machine, as `vedette plugin scene` reads it. */
export function answered() {
  return [...stage.answered.values()];
}

function fail(number) {
  throw Object.assign(new Error(`failure ${number}`), { payload: number });
}

function eventOf(id) {
  return stage.told.get(id) ?? fail(failure.NOT_SENT);
}

/** Answers a question about the machine, or fails: for this reason, or because nothing is said. */
function answer(event, asked, form, said, why = said === undefined ? failure.UNAVAILABLE : undefined) {
  const told = why === undefined ? { Ok: { [form]: plain(said) } } : { Err: why };
  stage.answered.set(`${event} ${asked}`, { event, asked, said: told });
  return why === undefined ? said : fail(why);
}

/** With the names of fields that the agent has. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [snake(name), plain(field)]));
}

function living(rows, matches, most) {
  const alive = rows.filter((row) => matches(row) && (row.marks & processMark.EXITED) === 0);
  const found = alive.slice(0, Math.min(most, MAX_LISTED));
  return [found.length, batchOfRows(found)];
}

/** What the test says of the file of an event that a role names. */
function fileOf(id, role) {
  const { act, process, target } = eventOf(id);
  const paths = {
    [fileRole.IMAGE]: process?.exe,
    [fileRole.TARGET_IMAGE]: target?.exe,
    [fileRole.PATH]: act.text,
    [fileRole.OTHER_PATH]: act.text2,
  };
  const path = paths[role];
  return (path && stage.given.files.get(path)) ?? {};
}

/** Most bytes that `head` gives, most processes of one answer, and most timers: as in the agent. */
const MAX_HEAD = 64 << 10;
const MAX_LISTED = 1024;
const MAX_TIMERS = 4096;

export const services = {
  log: { write: (level, message) => void seen.log.push(`${level}: ${message}`) },
  metrics: {
    add: (name, value) => void seen.counters.set(name, (seen.counters.get(name) ?? 0n) + value),
    set: (name, value) => void seen.gauges.set(name, value),
  },
  state: stateOf(seen, () => stage.given.state, fail),
  context: {
    process(id, key) {
      const found = eventOf(id).rows.filter((row) => row.key === key);
      return found.length > 0 ? batchOfRows(found) : fail(failure.NOT_FOUND);
    },
    children: (id, key, most) => living(eventOf(id).rows, (row) => row.parent?.key === key, most),
    members: (id, key, most) => living(eventOf(id).rows, (row) => row.container === key, most),
    sockets(id, key) {
      if (!eventOf(id).rows.some((row) => row.key === key)) fail(failure.NOT_FOUND);
      return answer(id, `context.sockets ${key}`, 'sockets', stage.given.sockets.get(key));
    },
  },
  file: {
    stat(id, role) {
      const { facts, failure: why } = fileOf(id, role);
      return answer(id, `file.stat ${role}`, 'facts', facts, why);
    },
    sha256(id, role) {
      const { sha256, failure: why } = fileOf(id, role);
      answer(id, `file.sha256 ${role}`, 'digest', sha256 && hex(sha256), why);
      return sha256;
    },
    head(id, role, len) {
      const { content, failure: why } = fileOf(id, role);
      const most = Math.min(len, MAX_HEAD);
      return answer(id, `file.head ${role} ${most}`, 'head', content?.subarray(0, most), why);
    },
    elf(id, role) {
      const { elf, failure: why } = fileOf(id, role);
      return answer(id, `file.elf ${role}`, 'elf', elf, why);
    },
  },
  intel: {
    lookUp(kind, value) {
      const { lists } = stage.given;
      if (lists === null) fail(failure.UNAVAILABLE);
      return lists.lookUp(kind, value) ?? fail(failure.MALFORMED);
    },
  },
  timer: {
    set(token, after) {
      if (seen.timers.size >= MAX_TIMERS && !seen.timers.has(token)) fail(failure.QUOTA);
      seen.timers.set(token, seen.now + (after || 1n));
    },
    clear: (token) => void seen.timers.delete(token),
  },
};
