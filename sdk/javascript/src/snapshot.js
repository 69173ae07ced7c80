// What a plugin remembers as bytes: JSON with what JSON has not.

import { BoundedMap } from './bounded.js';
import { of, text } from './bytes.js';
import { Flags } from './lineage.js';
import { Sequences } from './sequence.js';
import { Windows } from './window.js';

const CLASSES = { BoundedMap, Flags, Sequences, Windows };

/** Plain values, arrays, plain objects, bigint, Uint8Array, Map, Set, and the SDK's own collections. */
export function pack(value) {
  return of(JSON.stringify(encode(value)));
}

export function unpack(data) {
  return decode(JSON.parse(text(data)));
}

function encode(value) {
  if (typeof value === 'bigint') return { $: 'bigint', v: value.toString() };
  if (value === undefined) return { $: 'undefined' };
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'function') throw new TypeError('a function cannot go into a snapshot');
    return value;
  }
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Uint8Array) return { $: 'bytes', v: [...value] };
  if (value instanceof Map) return { $: 'Map', v: [...value].map(encode) };
  if (value instanceof Set) return { $: 'Set', v: [...value].map(encode) };
  const name = value.constructor?.name;
  if (name === 'Object' || name === undefined) return fields(value);
  if (Object.hasOwn(CLASSES, name)) return { $: name, v: fields(value) };
  throw new TypeError(`a ${name} cannot go into a snapshot: keep what it is made of`);
}

function fields(value) {
  return { $: 'Object', v: Object.entries(value).map(([key, field]) => [key, encode(field)]) };
}

function decode(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(decode);
  switch (value.$) {
    case 'bigint':
      return BigInt(value.v);
    case 'undefined':
      return undefined;
    case 'bytes':
      return Uint8Array.from(value.v);
    case 'Map':
      return new Map(value.v.map(decode));
    case 'Set':
      return new Set(value.v.map(decode));
    case 'Object':
      return Object.fromEntries(value.v.map(([key, field]) => [key, decode(field)]));
    default:
      return Object.assign(Object.create(CLASSES[value.$].prototype), decode(value.v));
  }
}
