// Every field of every view.
//
// Written from wit/events.toml by `make docs`: change it there.

import { put } from './show.js';

/** The fields of the view of an event's kind. */
export function fields(event) {
  let out = '';
  let view;
  view = event.exec;
  if (view) {
    out += 'exec';
    out += put('path', view.path);
    out += put('filename', view.filename);
    out += put('inode', view.inode);
    out += put('device', view.device);
    out += put('links', view.links);
  }
  view = event.fork;
  if (view) {
    out += 'fork';
    out += put('child', view.child);
    out += put('namespaces', view.namespaces);
  }
  view = event.exit;
  if (view) {
    out += 'exit';
    out += put('code', view.code);
  }
  view = event.existing;
  if (view) {
    out += 'existing';
    out += put('path', view.path);
  }
  view = event.credentials;
  if (view) {
    out += 'credentials';
    out += put('cause', view.cause);
    out += put('old-uid', view.oldUid);
    out += put('old-effective-uid', view.oldEffectiveUid);
    out += put('effective-uid', view.effectiveUid);
    out += put('old-capabilities', view.oldCapabilities);
    out += put('old-gid', view.oldGid);
  }
  view = event.signal;
  if (view) {
    out += 'signal';
    out += put('signal', view.signal);
    out += put('result', view.result);
    out += put('receiver', view.receiver);
  }
  view = event.open;
  if (view) {
    out += 'open';
    out += put('path', view.path);
    out += put('flags', view.flags);
    out += put('marks', view.marks);
    out += put('inode', view.inode);
    out += put('device', view.device);
    out += put('filesystem', view.filesystem);
    out += put('owner', view.owner);
  }
  view = event.rename;
  if (view) {
    out += 'rename';
    out += put('path', view.path);
    out += put('old-path', view.oldPath);
    out += put('inode', view.inode);
    out += put('device', view.device);
    out += put('flags', view.flags);
  }
  view = event.unlink;
  if (view) {
    out += 'unlink';
    out += put('path', view.path);
    out += put('flags', view.flags);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.link;
  if (view) {
    out += 'link';
    out += put('path', view.path);
    out += put('old-path', view.oldPath);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.symlink;
  if (view) {
    out += 'symlink';
    out += put('path', view.path);
    out += put('content', view.content);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.chmod;
  if (view) {
    out += 'chmod';
    out += put('path', view.path);
    out += put('mode', view.mode);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.chown;
  if (view) {
    out += 'chown';
    out += put('path', view.path);
    out += put('owner', view.owner);
    out += put('group', view.group);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.xattr;
  if (view) {
    out += 'xattr';
    out += put('path', view.path);
    out += put('name', view.name);
    out += put('operation', view.operation);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.fileFlags;
  if (view) {
    out += 'file-flags';
    out += put('path', view.path);
    out += put('flags', view.flags);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.truncate;
  if (view) {
    out += 'truncate';
    out += put('path', view.path);
    out += put('length', view.length);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.mknod;
  if (view) {
    out += 'mknod';
    out += put('path', view.path);
    out += put('mode', view.mode);
    out += put('stands-for', view.standsFor);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.mkdir;
  if (view) {
    out += 'mkdir';
    out += put('path', view.path);
    out += put('mode', view.mode);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.library;
  if (view) {
    out += 'library';
    out += put('path', view.path);
    out += put('marks', view.marks);
    out += put('protection', view.protection);
    out += put('inode', view.inode);
    out += put('device', view.device);
  }
  view = event.splice;
  if (view) {
    out += 'splice';
    out += put('path', view.path);
    out += put('marks', view.marks);
    out += put('pipe', view.pipe);
    out += put('inode', view.inode);
  }
  view = event.connect;
  if (view) {
    out += 'connect';
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('family', view.family);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('peer', view.peer);
  }
  view = event.accept;
  if (view) {
    out += 'accept';
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('family', view.family);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('local-port', view.localPort);
    out += put('peer-socket', view.peerSocket);
    out += put('peer', view.peer);
  }
  view = event.bind;
  if (view) {
    out += 'bind';
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('family', view.family);
    out += put('socket', view.socket);
  }
  view = event.listen;
  if (view) {
    out += 'listen';
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('family', view.family);
    out += put('socket', view.socket);
  }
  view = event.sent;
  if (view) {
    out += 'sent';
    out += put('payload', view.payload);
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('length', view.length);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('protocol', view.protocol);
    out += put('marks', view.marks);
  }
  view = event.socket;
  if (view) {
    out += 'socket';
    out += put('family', view.family);
    out += put('protocol', view.protocol);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
  }
  view = event.send;
  if (view) {
    out += 'send';
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('family', view.family);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('peer', view.peer);
  }
  view = event.received;
  if (view) {
    out += 'received';
    out += put('payload', view.payload);
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('length', view.length);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('protocol', view.protocol);
    out += put('marks', view.marks);
  }
  view = event.dns;
  if (view) {
    out += 'dns';
    out += put('name', view.name);
    out += put('address', view.address);
    out += put('type', view.type);
    out += put('code', view.code);
    out += put('answers', view.answers);
    out += put('is-answer', view.isAnswer);
    out += put('cookie', view.cookie);
    out += put('answer', view.answer);
  }
  view = event.tls;
  if (view) {
    out += 'tls';
    out += put('server-name', view.serverName);
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('version', view.version);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('protocols', view.protocols);
  }
  view = event.icmp;
  if (view) {
    out += 'icmp';
    out += put('payload', view.payload);
    out += put('address', view.address);
    out += put('type', view.type);
    out += put('length', view.length);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
  }
  view = event.disconnect;
  if (view) {
    out += 'disconnect';
    out += put('address', view.address);
    out += put('port', view.port);
    out += put('side', view.side);
    out += put('socket', view.socket);
    out += put('cookie', view.cookie);
    out += put('sent', view.sent);
    out += put('received', view.received);
  }
  view = event.dup;
  if (view) {
    out += 'dup';
    out += put('fd', view.fd);
    out += put('stream', view.stream);
    out += put('identity', view.identity);
    out += put('marks', view.marks);
    out += put('port', view.port);
    out += put('address', view.address);
  }
  view = event.pipe;
  if (view) {
    out += 'pipe';
    out += put('inode', view.inode);
    out += put('read-fd', view.readFd);
    out += put('write-fd', view.writeFd);
  }
  view = event.socketpair;
  if (view) {
    out += 'socketpair';
    out += put('first', view.first);
    out += put('second', view.second);
  }
  view = event.terminal;
  if (view) {
    out += 'terminal';
    out += put('index', view.index);
    out += put('device', view.device);
  }
  view = event.passed;
  if (view) {
    out += 'passed';
    out += put('fd', view.fd);
    out += put('stream', view.stream);
    out += put('identity', view.identity);
    out += put('marks', view.marks);
    out += put('port', view.port);
    out += put('address', view.address);
    out += put('other', view.other);
    out += put('sender', view.sender);
    out += put('how', view.how);
  }
  view = event.setns;
  if (view) {
    out += 'setns';
    out += put('types', view.types);
    out += put('changed', view.changed);
    out += put('mount-namespace', view.mountNamespace);
    out += put('pid-namespace', view.pidNamespace);
  }
  view = event.unshare;
  if (view) {
    out += 'unshare';
    out += put('types', view.types);
  }
  view = event.mount;
  if (view) {
    out += 'mount';
    out += put('target', view.target);
    out += put('source', view.source);
    out += put('flags', view.flags);
    out += put('marks', view.marks);
    out += put('filesystem', view.filesystem);
    out += put('operation', view.operation);
    out += put('device', view.device);
    out += put('type', view.type);
  }
  view = event.cgroupMove;
  if (view) {
    out += 'cgroup-move';
    out += put('path', view.path);
    out += put('cgroup', view.cgroup);
    out += put('hierarchy', view.hierarchy);
    out += put('moved', view.moved);
  }
  view = event.ptrace;
  if (view) {
    out += 'ptrace';
    out += put('request', view.request);
    out += put('address', view.address);
    out += put('tracee', view.tracee);
  }
  view = event.processMemory;
  if (view) {
    out += 'process-memory';
    out += put('access', view.access);
    out += put('owner', view.owner);
  }
  view = event.memfd;
  if (view) {
    out += 'memfd';
    out += put('name', view.name);
    out += put('flags', view.flags);
    out += put('inode', view.inode);
  }
  view = event.module;
  if (view) {
    out += 'module';
    out += put('path', view.path);
    out += put('name', view.name);
  }
  view = event.bpf;
  if (view) {
    out += 'bpf';
    out += put('command', view.command);
    out += put('type', view.type);
    out += put('attachment', view.attachment);
    out += put('name', view.name);
  }
  view = event.executableMemory;
  if (view) {
    out += 'executable-memory';
    out += put('address', view.address);
    out += put('length', view.length);
    out += put('protection', view.protection);
    out += put('marks', view.marks);
    out += put('path', view.path);
  }
  view = event.keyctl;
  if (view) {
    out += 'keyctl';
    out += put('operation', view.operation);
    out += put('key', view.key);
    out += put('type', view.type);
    out += put('description', view.description);
  }
  view = event.userfaultfd;
  if (view) {
    out += 'userfaultfd';
    out += put('flags', view.flags);
  }
  view = event.perfEvent;
  if (view) {
    out += 'perf-event';
    out += put('type', view.type);
    out += put('config', view.config);
    out += put('observed', view.observed);
  }
  view = event.ioUring;
  if (view) {
    out += 'io-uring';
    out += put('entries', view.entries);
    out += put('flags', view.flags);
  }
  view = event.cgroup;
  if (view) {
    out += 'cgroup';
    out += put('path', view.path);
    out += put('cgroup', view.cgroup);
    out += put('hierarchy', view.hierarchy);
  }
  view = event.container;
  if (view) {
    out += 'container';
    out += put('id', view.id);
    out += put('name', view.name);
    out += put('cgroup', view.cgroup);
    out += put('marks', view.marks);
    out += put('image', view.image);
    out += put('pod', view.pod);
    out += put('namespace', view.namespace);
    out += put('digest', view.digest);
    out += put('label', view.label);
    out += put('mount', view.mount);
    out += put('runtime', view.runtime);
    out += put('capabilities', view.capabilities);
    out += put('pod-uid', view.podUid);
    out += put('outer', view.outer);
  }
  view = event.cgroupRemoved;
  if (view) {
    out += 'cgroup-removed';
    out += put('path', view.path);
    out += put('cgroup', view.cgroup);
    out += put('hierarchy', view.hierarchy);
  }
  view = event.tick;
  if (view) {
    out += 'tick';
  }
  view = event.loss;
  if (view) {
    out += 'loss';
    out += put('count', view.count);
    out += put('cause', view.cause);
    out += put('lost-kind', view.lostKind);
    out += put('cgroup', view.cgroup);
    out += put('cgroup-v1', view.cgroupV1);
  }
  view = event.timer;
  if (view) {
    out += 'timer';
    out += put('token', view.token);
    out += put('due', view.due);
  }
  view = event.answer;
  if (view) {
    out += 'answer';
    out += put('question', view.question);
    out += put('answer', view.answer);
    out += put('about', view.about);
  }
  view = event.intel;
  if (view) {
    out += 'intel';
    out += put('digest', view.digest);
    out += put('entries', view.entries);
  }
  return out;
}
