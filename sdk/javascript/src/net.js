// Internet addresses.

import { text } from './bytes.js';

/** The address in 4 or 16 bytes as people write it, null for others. An IPv4 address inside IPv6
 * comes out as IPv4. */
export function ip(address) {
  const v4 = plain(address);
  if (v4) return v4.join('.');
  return address.length === 16 ? v6(address) : null;
}

/** Whether it is in a range that is not routed on the public internet. */
export function isPrivate(address) {
  const v4 = plain(address);
  if (v4) {
    const [a, b] = v4;
    return a === 10 || a === 127 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168) || (a === 169 && b === 254);
  }
  if (address.length !== 16) return false;
  const loopback = address.subarray(0, 15).every((byte) => byte === 0) && address[15] === 1;
  const uniqueLocal = (address[0] & 0xfe) === 0xfc;
  const linkLocal = address[0] === 0xfe && (address[1] & 0xc0) === 0x80;
  return loopback || uniqueLocal || linkLocal;
}

/** `address:port` as people write it, or the path of a unix socket. */
export function endpoint(address, port) {
  const v4 = plain(address);
  if (v4) return `${v4.join('.')}:${port}`;
  return address.length === 16 ? `[${v6(address)}]:${port}` : text(address);
}

/** The four bytes of an IPv4 address, be it inside IPv6. */
function plain(address) {
  if (address.length === 4) return [...address];
  const mapped =
    address.length === 16 &&
    address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff &&
    address[11] === 0xff;
  return mapped ? [...address.subarray(12)] : null;
}

/** The longest run of two or more zero groups is left out. */
function v6(address) {
  const groups = [];
  for (let n = 0; n < 16; n += 2) groups.push((address[n] << 8) | address[n + 1]);
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const shown = groups.map((group) => group.toString(16));
  if (best.length < 2) return shown.join(':');
  const head = shown.slice(0, best.start).join(':');
  return `${head}::${shown.slice(best.start + best.length).join(':')}`;
}
