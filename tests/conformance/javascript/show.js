// Values as text that is the same in every language.

import { Process, bytes } from 'vedette-sdk';

export function show(value) {
  if (value === null) return '-';
  if (value instanceof Uint8Array) return bytes.hex(value);
  if (value instanceof Process) return value.key.toString();
  if (typeof value === 'boolean') return value ? '1' : '0';
  return String(value);
}

export function put(name, value) {
  return ` ${name}=${show(value)}`;
}

export function list(values) {
  return [...values].map(show).join(',');
}
