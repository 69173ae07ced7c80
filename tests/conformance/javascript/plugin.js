// Says all that a plugin can see and do of every event: in each language the same.

import {
  Failure,
  Flags,
  Plugin,
  Refused,
  Sequences,
  Severity,
  Windows,
  bytes,
  distinct,
  kind,
  log,
  metrics,
  state,
} from 'vedette-sdk';
import { ask } from './asks.js';
import { describe, note } from './describe.js';
import { fields } from './fields.js';
import { list, put } from './show.js';

export default class Conformance extends Plugin {
  static SCHEMA = 1;

  greeting = '';
  events = 0;
  // So few that entries are evicted.
  windows = new Windows({ length: 0.05, most: 3, cap: 4 });
  sequences = new Sequences({ steps: 2, within: 0.04, cap: 4 });
  flags = new Flags(4);

  init(config) {
    if (config.number !== 7) throw new Refused(`number is ${config.number}`);
    this.greeting = config.greeting;
  }

  event(event, findings) {
    if (event.exec && bytes.equal(event.exec.path, '/conformance/poison')) {
      state.set('poison', '1');
      throw new Error('poison');
    }
    this.events += 1;

    let said = fields(event);
    said += put('ret', event.ret);
    said += put('marks', event.marks);
    said += put('tid', event.tid);
    said += put('at', event.at);
    said += put('target', event.target);
    findings.raise('view', Severity.INFO).message(said).evidence(event, 'seen').dedup(`${event.id}`);

    const { process } = event;
    if (process) {
      describe(process).forEach((part, n) => {
        findings
          .raise('process', Severity.LOW)
          .confidence(50)
          .process(process)
          .message(part)
          .evidence(event, note(event))
          .dedup(`${event.id} ${n}`);
      });
    }

    findings.raise('asked', Severity.INFO).message(ask(event)).evidence(event, '').dedup(`${event.id}`);

    said = this.remember(event);
    const raised = findings
      .raise('memory', Severity.CRITICAL)
      .confidence(200)
      .message(said)
      .evidence(event, '')
      .evidence(0xffffffffffffffffn, 'of no event')
      .note('events', this.events)
      .technique('T1059.004')
      .dedup(`${event.id}`);
    if (process) raised.process(process).proposeKill(process);
  }

  /** What services and helpers answer. */
  remember(event) {
    const key = event.process?.key ?? 0n;
    let out = this.greeting;
    out += put('events', this.events);

    out += put('counted', state.count(`kind/${event.kind}`, 1, 1));
    const last = `last/${event.kind}`;
    out += put('before', state.get(last) ?? bytes.NOTHING);
    try {
      state.set(last, Uint8Array.from([...event.text, 0xff]), 0.3);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      out += put('failed', failure.message);
    }
    if (event.kind === kind.EXIT) state.delete(last);
    out += put('keys', list(state.keys('last/', 'last/2', 6)));
    try {
      state.set('k'.repeat(300), '');
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      out += put('refused', failure.message);
    }
    metrics.add('events');
    metrics.set('kind', event.kind);
    if (event.exec) log.info(`exec ${bytes.text(event.exec.argv[0] ?? bytes.NOTHING)}`);

    const hits = this.windows.add(key, event, event.kind % 3);
    out += put('hits', hits.length);
    out += put('distinct', distinct(hits));
    out += put('oldest', hits[0].event);
    if (hits.length === 3 && event.kind % 5 === 0) this.windows.forget(key);
    const done = this.sequences.step(key, event.kind % 2, event);
    out += put('sequence', list(done ?? []));
    if (event.process) {
      if (event.kind % 7 === 0) this.flags.put(event.process, event.kind);
      const [flagged, flag] = this.flags.nearest(event.process, 3) ?? [null, 0];
      out += put('flagged', flagged?.key ?? 0);
      out += put('flag', flag);
      if (event.kind % 11 === 0) out += put('taken', this.flags.take(event.process) ?? 0);
    }
    return out;
  }
}
