// What a plugin is.

import { pack, unpack } from './snapshot.js';

/** Thrown in `init` or `restore`: the plugin does not start, or on a reload the older one stays in
 * service. */
export class Refused extends Error {
  constructor(reason) {
    super(reason);
    this.name = 'Refused';
  }
}

/** A detection: the default export of a plugin's module is a class that extends it. A static
 * `SCHEMA` says that what it remembers is handed to its next version on a reload. */
export class Plugin {
  init(_config) {}

  event(_event, _findings) {
    throw new TypeError('a plugin has a method event(event, findings)');
  }

  save() {
    return pack({ ...this });
  }

  restore(schema, data) {
    if (schema !== this.constructor.SCHEMA) {
      throw new Refused(`it takes over snapshots of schema ${this.constructor.SCHEMA}, not ${schema}`);
    }
    Object.assign(this, unpack(data));
  }
}
