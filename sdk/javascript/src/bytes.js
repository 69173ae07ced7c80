// Bytes, as the kernel gives them: most often text, and never sure to be. Text that is compared
// with them is taken as UTF-8.

const encoder = new TextEncoder();
// A mark of byte order is a character like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export const NOTHING = new Uint8Array(0);

export function of(text) {
  return typeof text === 'string' ? encoder.encode(text) : text;
}

/** The same bytes as an array of this world's: what the host gives a component is one of another,
 * which `instanceof Uint8Array` does not know. */
export function own(bytes) {
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** For people: what is not UTF-8 becomes a replacement character. */
export function text(bytes) {
  return decoder.decode(bytes);
}

export function equal(bytes, other) {
  const wanted = of(other);
  return bytes.length === wanted.length && at(bytes, wanted, 0);
}

export function startsWith(bytes, other) {
  return at(bytes, of(other), 0);
}

export function endsWith(bytes, other) {
  const wanted = of(other);
  return at(bytes, wanted, bytes.length - wanted.length);
}

export function includes(bytes, other) {
  const wanted = of(other);
  for (let start = 0; start + wanted.length <= bytes.length; start += 1) {
    if (at(bytes, wanted, start)) return true;
  }
  return false;
}

export function hex(bytes) {
  let out = '';
  for (const byte of bytes) out += byte.toString(16).padStart(2, '0');
  return out;
}

function at(bytes, wanted, start) {
  if (start < 0 || start + wanted.length > bytes.length) return false;
  for (let n = 0; n < wanted.length; n += 1) {
    if (bytes[start + n] !== wanted[n]) return false;
  }
  return true;
}
