// What the services answer that know more than the batch.

import { Failure, context, file, fileRole, intel, timer } from 'vedette-sdk';
import { list, put } from './show.js';

/** Asks about an event, and sets timers by it. */
export function ask(event) {
  const { process } = event;
  const key = process?.key ?? 0n;
  let out = put('process', rows(() => [context.process(event, key)]));
  out += put('nobody', rows(() => [context.process(event, 1n)]));
  out += put('children', rows(() => context.children(event, key, 2)));
  const container = process?.container;
  if (container) out += put('members', rows(() => context.members(event, container, 3)));

  out += put('text', hits(() => intel.domain(event.text)));
  out += put('domain', hits(() => intel.domain('www.Evil.example.')));
  out += put('address', hits(() => intel.address(Uint8Array.of(192, 168, 0, 1))));
  out += put('digest', hits(() => intel.digest(new Uint8Array(32).fill(0xab))));

  if (event.exec) {
    const socket = ({ inode, remote, remotePort }) => `${inode}${put('remote', remote)}${put('port', remotePort)}`;
    out += put('sockets', answered(() => list(context.sockets(event, key).map(socket))));
    out += put('sha256', answered(() => file.sha256(event)));
    out += put('head', answered(() => file.head(event, fileRole.IMAGE, 4)));
    out += put('size', answered(() => file.stat(event).size));
    out += put('machine', answered(() => file.elf(event, fileRole.IMAGE).machine));
  }

  if (event.open || event.exec) {
    out += put('timer', answered(() => (timer.set(key, 0.25), '')));
    timer.clear(key + 1n);
  }
  if (event.timer) out += put('late', event.at - event.timer.due);
  return out;
}

function answered(ask) {
  try {
    return ask();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return failure.message;
  }
}

function rows(ask) {
  const one = (row) => `${row.key}${put('exe', row.exe)}${put('lineage', [...row.lineage()].length)}`;
  return answered(() => list(ask().map(one)));
}

function hits(ask) {
  return answered(() => list(ask().map((hit) => `${hit.list}/${hit.entry}/${hit.note}`)));
}
