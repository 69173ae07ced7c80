// The host's services: in tests those of the test kit. In a component a module with its imports
// takes the place of this one; it has only what the manifest declares.

export { services } from './testkit/services.js';
