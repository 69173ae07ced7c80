// Finds processes that call one address at even intervals.
//
// An implant asks for orders by a clock. People and most programs call when there is something to
// say, so that their intervals differ. Loopback and addresses that the operator names do not count.

import { Plugin, Severity, Windows, bytes, net } from 'vedette-sdk';

/** Longest beacon that is looked for, in seconds: eight calls of five minutes each. */
const LENGTH = 2400;
/** Processes and addresses that are remembered: stops who connects in masses from filling memory. */
const MAX_PAIRS = 4096;
/** Intervals shorter than this, in ns, are a conversation. */
const SHORTEST = 1_000_000_000n;

export default class Beacon extends Plugin {
  static SCHEMA = 1;

  calls = 8;
  jitter = 15n;
  known = new Set();
  talks = new Windows({ length: LENGTH, most: 8, cap: MAX_PAIRS });

  init({ calls = 8, jitter = 15, known = [] }) {
    this.calls = calls;
    this.jitter = BigInt(jitter);
    this.known = new Set(known);
    this.talks = new Windows({ length: LENGTH, most: calls, cap: MAX_PAIRS });
  }

  /**
   * @param {import('vedette-sdk').Event} event
   * @param {import('vedette-sdk').Findings} findings
   */
  event(event, findings) {
    const { connect, process } = event;
    if (!connect || !process) return;
    const address = net.ip(connect.address);
    if (address === null || address.startsWith('127.') || address === '::1' || this.known.has(address)) return;
    const endpoint = net.endpoint(connect.address, connect.port);
    const key = `${process.key} ${endpoint}`;
    const hits = this.talks.add(key, event);
    if (hits.length < this.calls) return;
    const mean = this.#evenly(hits.map((hit) => hit.at));
    if (mean === null) return;
    this.talks.forget(key);
    const finding = findings
      .raise('beacon', Severity.MEDIUM)
      .confidence(70)
      .process(process)
      .message(`${bytes.text(process.exe)} calls ${endpoint} every ${Number(mean / 1_000_000n) / 1000} s`)
      .dedup(key);
    for (const hit of hits) finding.evidence(hit.event, 'one of the calls');
  }

  /** The mean of the intervals, if none lies far from it. */
  #evenly(times) {
    const intervals = times.slice(1).map((time, n) => time - times[n]);
    const mean = intervals.reduce((sum, one) => sum + one, 0n) / BigInt(intervals.length);
    if (mean < SHORTEST) return null;
    const far = (one) => (one > mean ? one - mean : mean - one) * 100n > mean * this.jitter;
    return intervals.some(far) ? null : mean;
  }
}
