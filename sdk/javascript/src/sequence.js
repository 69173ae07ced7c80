// First one thing, then another, within a time, by the same one.

import { BoundedMap } from './bounded.js';
import { nanoseconds } from './services.js';

/** For each key how far it has come in a sequence of steps, of which the last is to follow the
 * first within a time. */
export class Sequences {
  constructor({ steps, within, cap }) {
    if (!Number.isInteger(steps)) throw new TypeError(`steps is a whole number, not ${steps}`);
    this.steps = Math.max(steps, 2);
    this.within = nanoseconds(within);
    this.begun = new BoundedMap(cap);
  }

  step(key, step, event) {
    let begun = this.begun.get(key);
    if (begun && event.at - begun.at > this.within) {
      this.begun.take(key);
      begun = undefined;
    }
    if (step === 0) {
      if (!begun || begun.events.length === 1) {
        this.begun.take(key);
        this.begun.set(key, { at: event.at, events: [event.id] });
      }
      return null;
    }
    if (!begun || begun.events.length !== step) return null;
    begun.events.push(event.id);
    if (begun.events.length < this.steps) return null;
    this.begun.take(key);
    return begun.events;
  }
}
