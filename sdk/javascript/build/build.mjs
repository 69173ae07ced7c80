// Makes a component of a plugin, called by `vedette plugin build` in two steps.
//
// `load STAGE DIRECTORY ENTRY` copies the modules of the author to where the SDK lies and loads the
// plugin natively: what is wrong with its code is told here, in a second. `make STAGE` makes the
// component.

import { componentize } from '@bytecodealliance/componentize-js';
import { init, parse } from 'es-module-lexer';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const SDK = new Map([['vedette-sdk', 'index.js']]);

/** Something that the author can mend. */
function refuse(message) {
  console.error(`vedette: ${message}`);
  process.exit(2);
}

/** Copies a module and what it imports; the SDK's name becomes the path to where it lies. */
async function copy(source, directory, stage, done = new Set()) {
  if (done.has(source)) return;
  done.add(source);
  const place = relative(directory, source);
  if (place.startsWith('..')) refuse(`${source} lies outside of the plugin's directory`);
  const target = join(stage, 'author', place);
  let text = await readFile(source, 'utf8').catch((error) => refuse(`${source}: ${error.message}`));
  let imports;
  try {
    [imports] = parse(text, place);
  } catch (error) {
    refuse(`${place}: ${error.message}`);
  }
  // From the end, so that the places of those before stay right.
  for (const { n: name, s: start, e: end, d: dynamic } of imports.toReversed()) {
    if (dynamic === -2) continue;
    if (dynamic >= 0) refuse(`${place}: a plugin has all its modules from the beginning: use import … from`);
    if (SDK.has(name)) {
      const sdk = join(stage, 'vedette-sdk', SDK.get(name));
      text = text.slice(0, start) + relative(dirname(target), sdk) + text.slice(end);
    } else if (name.startsWith('./') || name.startsWith('../')) {
      await copy(resolve(dirname(source), name), directory, stage, done);
    } else {
      refuse(`${place} imports ${name}: a plugin imports 'vedette-sdk' and files of its own; bundle other packages into one file`);
    }
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
}

async function load(stage, directory, entry) {
  await init;
  await copy(resolve(directory, entry), resolve(directory), stage);
  const { fault, hasSnapshot } = await import(pathToFileURL(join(stage, 'vedette-sdk/guest.js')));
  const module = await import(pathToFileURL(join(stage, 'author', entry)));
  const wrong = fault(module.default);
  if (wrong) refuse(`${entry}: ${wrong}`);
  console.log(hasSnapshot(module.default) ? 'snapshot' : 'plain');
}

async function make(stage) {
  const { component } = await componentize({
    sourcePath: join(stage, 'component.js'),
    witPath: join(stage, 'wit'),
    worldName: 'component',
    disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
  });
  await writeFile(join(stage, 'component.wasm'), component);
}

const [step, stage, directory, entry] = process.argv.slice(2);
await (step === 'load' ? load(stage, directory, entry) : make(stage));
