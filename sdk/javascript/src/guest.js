// What the host calls: a component's exports, over the plugin's class.

import { Batch } from './batch.js';
import { Findings } from './finding.js';
import { Plugin, Refused } from './plugin.js';
import { services } from './host.js';

/** Says what is wrong with what a plugin's module exports by default, if anything is. */
export function fault(declared) {
  if (typeof declared !== 'function' || !(declared.prototype instanceof Plugin)) {
    return 'its default export is to be a class that extends Plugin';
  }
  return null;
}

export function hasSnapshot(declared) {
  return typeof declared.SCHEMA === 'number';
}

export function start(Declared, config) {
  const plugin = new Declared();
  plugin.init(JSON.parse(config));
  return plugin;
}

export function detect(plugin, raw) {
  const findings = new Findings();
  for (const event of new Batch(raw).events()) plugin.event(event, findings);
  return findings.raw;
}

/** The component's exports. */
export function exportsOf(Declared) {
  let plugin;
  return {
    detector: {
      init(config) {
        plugin = refusing(() => start(Declared, config));
      },
      detect(batch) {
        try {
          return detect(plugin, batch);
        } catch (error) {
          // The host drops what a call did that ends so, but tells its last words.
          services.log?.write('error', told(error));
          throw error;
        }
      },
    },
    snapshot: {
      schema: () => Declared.SCHEMA,
      save: () => plugin.save(),
      restore(schema, data) {
        refusing(() => plugin.restore(schema, data));
      },
    },
  };
}

/** An error becomes the reason for a refusal: the contract has it as text. */
function refusing(call) {
  try {
    return call();
  } catch (error) {
    throw error instanceof Refused ? error.message : told(error);
  }
}

function told(error) {
  const where = String(error?.stack ?? '').split('\n').find((line) => line.includes(':')) ?? '';
  return `${error?.name ?? 'Error'}: ${error?.message ?? error} (${where.trim()})`;
}
