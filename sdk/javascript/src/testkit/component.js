// The same story in the agent's own runtime.

import { deepStrictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { answered } from './services.js';

/** Most bytes of an answer: node's own bound is too small for a long story. */
const MOST = 64 << 20;

/** Runs the component over the story, where `VEDETTE_COMPONENT` names one, and compares. */
export function compare(told, given, config, native) {
  const component = process.env.VEDETTE_COMPONENT;
  if (component === undefined) return;
  const ran = spawnSync(process.env.VEDETTE ?? 'vedette', ['plugin', 'scene', component], {
    input: json(story(told, given, config)),
    maxBuffer: MOST,
  });
  if (ran.error) throw ran.error;
  if (ran.status !== 0) throw new Error(`in the sandbox: ${ran.stderr}`);
  // Numbers are compared as they are written: some do not fit into a number of this language.
  const found = parse(ran.stdout.toString());
  deepStrictEqual(
    parse(json(native.map(shown))),
    found,
    'natively the plugin finds other things than in the sandbox, where it gets what its manifest asks for',
  );
}

/** A finding, as far as both ways tell it alike. */
function shown({ rule, process: of, message, evidence, dedup }) {
  return { rule, process: of, message, evidence: evidence.map(({ event, note }) => [event, note]), dedup };
}

function story(told, given, config) {
  const rows = new Rows();
  const events = told.map(({ act, id, at, process: by, target, rows: all }) => ({
    kind: act.kind,
    id,
    at,
    ret: act.ret,
    marks: act.marks,
    process: rows.put(by),
    target: rows.put(target),
    rows: all.map((row) => rows.put(row)),
    a: act.a,
    b: act.b,
    c: act.c,
    text: act.text,
    text2: act.text2,
    attrs: attrsOf(act.attrs),
  }));
  const lists = given.lists && [...given.lists.texts];
  // The last native run has asked what the component will ask.
  return { config, lists, answers: answered(), rows: rows.rows, events };
}

function attrsOf(attrs) {
  return attrs.map(([key, value, text]) => [key, value, text ?? []]);
}

/** The rows of a story, each once; parents stand before their children. */
class Rows {
  rows = [];
  #places = new Map();

  put(row) {
    if (!row) return null;
    if (!this.#places.has(row)) {
      const parent = this.put(row.parent);
      const fds = [...row.fds].sort(([one], [other]) => one - other);
      const { fds: _, containerMarks, containerAttrs, ...fields } = row;
      this.rows.push({
        ...fields,
        parent,
        container_marks: containerMarks,
        container_attrs: attrsOf(containerAttrs),
        streams: fds.map(([fd, what]) => ({ ...what, fd })),
      });
      this.#places.set(row, this.rows.length - 1);
    }
    return this.#places.get(row);
  }
}

/** JSON with numbers of 64 bits and bytes as lists of numbers. */
function json(value) {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return `[${value.join(',')}]`;
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${json(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** JSON whose whole numbers are texts. */
function parse(text) {
  const outside = /"(?:[^"\\]|\\.)*"|-?\d+/g;
  return JSON.parse(text.replace(outside, (piece) => (piece.startsWith('"') ? piece : `"${piece}"`)));
}
