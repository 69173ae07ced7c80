// Raising findings.

import { action, findingDetail } from './catalogue.js';

export const Severity = Object.freeze({
  INFO: 'info',
  LOW: 'low',
  MEDIUM: 'medium',
  HIGH: 'high',
  CRITICAL: 'critical',
});

/** The stable key of whoever something is about. */
export function keyOf(subject) {
  return typeof subject === 'bigint' ? subject : subject.key;
}

/** The id of an event. */
export function idOf(event) {
  return typeof event === 'bigint' ? event : event.id;
}

export class Finding {
  constructor(rule, severity) {
    this.raw = {
      rule,
      severity,
      confidence: 100,
      process: 0n,
      container: 0n,
      message: '',
      evidence: [],
      dedup: '',
      proposals: [],
      details: [],
    };
  }

  confidence(percent) {
    this.raw.confidence = Math.max(0, Math.min(percent, 100));
    return this;
  }

  process(subject) {
    this.raw.process = keyOf(subject);
    return this;
  }

  container(subject) {
    this.raw.container = keyOf(subject);
    return this;
  }

  message(message) {
    this.raw.message = message;
    return this;
  }

  evidence(event, note = '') {
    this.raw.evidence.push({ event: idOf(event), note });
    return this;
  }

  dedup(key) {
    this.raw.dedup = key;
    return this;
  }

  technique(technique) {
    return this.#detail(findingDetail.TECHNIQUE, technique);
  }

  note(key, value) {
    return this.#detail(findingDetail.NOTE, `${key}=${value}`);
  }

  proposeKill(target) {
    return this.propose(action.KILL, { target });
  }

  propose(what, { target = 0n, event = 0n } = {}) {
    this.raw.proposals.push({ action: what, target: keyOf(target), event: idOf(event) });
    return this;
  }

  #detail(key, text) {
    this.raw.details.push({ key, value: 0n, text });
    return this;
  }
}

export class Findings {
  constructor() {
    this.raw = [];
  }

  raise(rule, severity) {
    const finding = new Finding(rule, severity);
    this.raw.push(finding.raw);
    return finding;
  }

  get length() {
    return this.raw.length;
  }
}
