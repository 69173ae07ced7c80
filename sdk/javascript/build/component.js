// The module that `vedette plugin build` makes a component of: the plugin's exports.

import Declared from './author/PLUGIN';
import { exportsOf } from './vedette-sdk/guest.js';

export const { detector, snapshot } = exportsOf(Declared);
