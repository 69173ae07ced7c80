// Why a service gives no answer.

import { failure } from './catalogue.js';

const REASONS = new Map([
  [failure.QUOTA, 'the plugin has had its share'],
  [failure.TOO_LARGE, 'it is too large'],
  [failure.UNAVAILABLE, 'it is not known here'],
  [failure.NOT_FOUND, 'there is no such thing'],
  [failure.CHANGED, 'it is no longer what the event was about'],
  [failure.DENIED, 'the agent may not look there'],
  [failure.MALFORMED, 'it has not the right form'],
  [failure.NOT_SENT, 'the event is not of this batch'],
]);

export class Failure extends Error {
  constructor(number) {
    super(REASONS.get(number) ?? `the host failed for reason ${number}`);
    this.name = 'Failure';
    this.number = number;
  }
}
