// A process, its lineage, its streams and its container.

import { bytes, cmdline, net } from 'vedette-sdk';
import { list, put } from './show.js';

/** All of it, in parts that fit messages. */
export function describe(process) {
  return [own(process), streams(process), container(process)];
}

function own(process) {
  const [inode, device] = process.imageFile;
  let out = put('key', process.key);
  out += put('pid', process.pid);
  out += put('parent', process.parent);
  out += put('uid', process.uid);
  out += put('gid', process.gid);
  out += put('marks', process.marks);
  out += put('image', process.image);
  out += put('start', process.start);
  out += put('capabilities', process.capabilities);
  out += put('inode', inode);
  out += put('device', device);
  out += put('exe', process.exe);
  out += put('base', cmdline.baseName(process.exe));
  out += put('args', list(process.args));
  out += put('applet', list(cmdline.applet(process.args)));
  out += put('args-len', process.argsLen);
  out += put('cwd', process.cwd);
  out += put('comm', process.comm);
  out += put('shell', process.isShell);
  out += put('interpreter', process.isInterpreter);
  out += put('joining', process.isJoining);
  out += put('mounts', process.inHostMounts);
  out += put('pids', process.inHostPids);
  out += put('lineage', list([...process.lineage()].map((one) => one.key)));
  out += put('above', process.ancestor((one) => one.isShell));
  out += put('descends', process.descendsFrom(process.key));
  out += put('attr', process.attr(1) ?? 0);
  return out;
}

function streams(process) {
  let out = put('in', process.stdin !== null);
  out += put('out', process.stdout !== null);
  out += put('err', process.stderr !== null);
  return out + process.streams.map(oneStream).join('');
}

function oneStream(stream) {
  let out = put('fd', stream.fd);
  out += put('kind', stream.kind);
  out += put('marks', stream.marks);
  out += put('id', stream.id);
  out += put('other', stream.other);
  out += put('port', stream.port);
  out += put('address', stream.address);
  out += put('endpoint', net.endpoint(stream.address, stream.port));
  out += put('ip', stream.ip);
  out += put('private', net.isPrivate(stream.address));
  out += put('outbound', stream.isOutbound);
  out += put('accepted', stream.isAccepted);
  out += put('object', stream.object);
  return out;
}

function container(process) {
  let out = put('shared', process.parent?.sharesContainer(process) ?? false);
  const { container } = process;
  if (!container) return out;
  out += put('key', container.key);
  out += put('id', container.id);
  out += put('name', container.name);
  out += put('image', container.image);
  out += put('pod', container.pod);
  out += put('namespace', container.namespace);
  out += put('marks', container.marks);
  out += put('privileged', container.isPrivileged);
  out += put('digest', container.digest);
  out += put('labels', list(container.labels));
  out += put('app', container.label('app') ?? bytes.NOTHING);
  out += put('mounts', list(container.mounts));
  out += put('capabilities', container.capabilities ?? 0);
  out += put('pod-uid', container.podUid);
  return out;
}

/** What an event's attributes and slots say without a view. */
export function note(event) {
  let out = put('kind', event.kind);
  out += put('a', event.a);
  out += put('b', event.b);
  out += put('c', event.c);
  out += put('text', event.text);
  out += put('text2', event.text2);
  out += put('one', event.attr(1) ?? 0);
  out += put('two', event.attrText(2));
  out += put('succeeded', event.succeeded);
  out += put('many', list(event.attrTexts(1)));
  out += put('lossy', bytes.text(event.text));
  return out;
}
