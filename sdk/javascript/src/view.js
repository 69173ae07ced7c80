// What the views of all kinds have.

export class View {
  constructor(event) {
    this.event = event;
  }

  get process() {
    return this.event.process;
  }
}

export class ExecView extends View {
  get argv() {
    return this.event.process?.args ?? [];
  }
}
