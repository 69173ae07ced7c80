//! The path of an event, in order.
//!
//! Everything that the agent does with an event is called from [`Agent::take`]; each step is one
//! module, and none calls back to an earlier one. Where events come from (the kernel, a capture)
//! is the business of the commands.

use crate::context::{Context, Rows, Unexplained, process::Process};
use crate::control::server::Control;
use crate::intel::Lists;
use crate::mute::Mutes;
use crate::plugin::host::PluginHost;
use crate::record::Record;
use crate::recorder::Recorder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::capture::CaptureError;
use vedette_sensor::event::{Event, Image, Task};
use vedette_sensor::live::{Group, Muted};

/// One second of event time: how often a tick stands in the stream.
const TICK: u64 = 1_000_000_000;

/// Numbers of the agent's own events begin here, apart from any CPU's.
const OWN_IDS: u64 = 0xffff << 48;

/// Somebody who is shown every event with its context.
pub type Watcher = Box<dyn FnMut(&Record)>;

/// The steps and what they remember.
pub struct Agent {
    context: Context,
    /// The plugins and their queues.
    pub plugins: PluginHost,
    recorder: Option<Recorder>,
    watcher: Option<Watcher>,
    /// What plugins are not to have.
    pub mutes: Mutes,
    /// Events taken, by kind.
    pub taken: [u64; 128],
    next_tick: u64,
    own: u64,
    now: u64,
    moment: Moment,
}

/// Up to when the stream has been taken in, ns since boot; shared with who waits for that.
#[derive(Debug, Clone, Default)]
pub struct Moment(Arc<AtomicU64>);

impl Moment {
    /// The time.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn pass(&self, at: u64) {
        self.0.fetch_max(at, Ordering::Release);
    }
}

impl Agent {
    /// An agent with these plugins, recording what it takes where a writer is given.
    pub fn new(mut plugins: PluginHost, recorder: Option<Recorder>) -> Agent {
        let context = Context::default();
        plugins.know(context.past());
        context.keep_past(plugins.asks());
        if recorder.is_some() {
            plugins.answers().keep();
        }
        Agent {
            context,
            plugins,
            recorder,
            watcher: None,
            mutes: Mutes::default(),
            taken: [0; 128],
            next_tick: 0,
            own: 0,
            now: 0,
            moment: Moment::default(),
        }
    }

    /// Lets plugins be answered from these lists from now on: the event that says so is the switch.
    pub fn take_lists(&mut self, lists: Arc<Lists>, at: u64) {
        let event = Event {
            text: lists.digest().to_string().into_bytes().into(),
            a: lists.entries() as u64,
            ..self.own_event(kind::INTEL, at)
        };
        self.plugins.supply(lists);
        self.take(event);
    }

    /// The path of an event.
    pub fn take(&mut self, event: Event) {
        self.now = self.now.max(event.at);
        if let Some(count) = self.taken.get_mut(usize::from(event.kind)) {
            *count += 1;
        }
        if event.kind == kind::ANSWER {
            // It is of the stream for a replay's sake: what plugins are told are the answers
            // themselves, not what others asked.
            return self.take_answer(event);
        }
        let Rows { process, target } = self.context.apply(&event);
        let record = Record {
            event,
            process,
            target,
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.take(&record);
        }
        if let Some(watcher) = &mut self.watcher {
            watcher(&record);
        }
        self.moment.pass(self.now);
        if record.event.kind == kind::INTEL {
            self.plugins.turn_lists(&record.event);
        }
        if !self.mutes.drops(&record) {
            self.plugins.offer(record);
        }
    }

    fn take_answer(&mut self, event: Event) {
        let record = Record {
            event,
            process: None,
            target: None,
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.keep(&record.event);
        }
        if let Some(watcher) = &mut self.watcher {
            watcher(&record);
        }
    }

    /// Puts what services have answered from the machine into the recording.
    pub fn keep_answers(&mut self) {
        if self.recorder.is_none() {
            return;
        }
        let (answers, lost) = self.plugins.answers().take();
        for answer in answers {
            let answer = Event {
                at: self.now,
                id: self.own_id(),
                ..answer
            };
            self.take(answer);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.left_out += lost;
        }
    }

    /// Takes an event for the context's sake alone: what came before that which matters.
    pub fn prepare(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        self.context.apply(event);
        if event.kind == kind::INTEL {
            self.plugins.turn_lists(event);
        }
    }

    /// Ends what was for the context's sake alone: plugins are shown the processes that live by now,
    /// as one is that comes while an agent runs.
    pub fn begin_here(&mut self) {
        for plugin in self.plugins.plugins() {
            self.introduce(&plugin.id);
        }
    }

    /// Shows every event from now on to this watcher too.
    pub fn show_to(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
    }

    /// Puts the ticks into the stream that have come due by `now`, ns since boot.
    pub fn ticks_until(&mut self, now: u64) {
        if self.next_tick == 0 || now.saturating_sub(self.next_tick) > 60 * TICK {
            // The first one, or the machine slept: ticks tell of time, they do not make up for it.
            self.next_tick = now - now % TICK + TICK;
        }
        while self.next_tick <= now {
            let tick = self.own_event(kind::TICK, self.next_tick);
            self.next_tick += TICK;
            self.take(tick);
        }
    }

    /// An event of the agent's own, at this time.
    pub fn own_event(&mut self, kind: u16, at: u64) -> Event {
        Event {
            kind,
            at,
            id: self.own_id(),
            marks: event_mark::SYNTHETIC,
            ..Event::default()
        }
    }

    /// A fresh id for an event of the agent's own.
    pub fn own_id(&mut self) -> u64 {
        self.own += 1;
        OWN_IDS | self.own
    }

    /// Says that no event before this time will come, ns since boot.
    pub fn pass(&mut self, at: u64) {
        self.moment.pass(at);
    }

    /// Up to when the stream has been taken in: an event of the agent's own that answers to none
    /// stands there.
    pub fn moment(&self) -> u64 {
        self.moment.get()
    }

    /// The same, to be watched from another thread.
    pub fn watch_moment(&self) -> Moment {
        self.moment.clone()
    }

    /// The next container that no runtime has been asked about, and who made its group.
    pub fn next_unexplained(&mut self) -> Option<(Unexplained, Option<Arc<Process>>)> {
        let container = self.context.next_unexplained()?;
        let maker = self.context.row(container.by);
        Some((container, maker))
    }

    /// Looks whether a control group is muted, of which something new is known. Gives what the
    /// kernel is to be told of it.
    pub fn mute(&mut self, group: Group) -> Option<Option<Muted>> {
        self.mutes.look(&self.context, group)
    }

    /// Time of the newest event, ns since boot.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The context, to look at.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Switches to what is ready among new, changed and removed plugins: between two events.
    /// Says whether anything changed.
    pub fn switch_plugins(&mut self) -> bool {
        let changes = self.plugins.changes();
        let any = !changes.is_empty();
        for change in changes {
            if let Some(plugin) = self.plugins.apply(change).wants_existing {
                self.introduce(&plugin);
            }
        }
        if any {
            self.context.keep_past(self.plugins.asks());
        }
        any
    }

    /// Does what is asked through the control socket: between two events.
    pub fn serve(&mut self, control: &Control) {
        while let Some(asked) = control.asked() {
            self.plugins.serve(asked.command, asked.reply);
        }
    }

    /// Shows a plugin that has just come the processes that live already.
    fn introduce(&mut self, plugin: &str) {
        for row in self.context.living() {
            let event = Event {
                task: Task {
                    process: row.id,
                    tid: row.id.pid,
                    ..Task::default()
                },
                text: row.exe.as_ref().into(),
                image: Some(Box::new(Image {
                    streams: row.streams.to_vec(),
                    ..Image::default()
                })),
                ..self.own_event(kind::EXISTING, self.now)
            };
            let record = Arc::new(Record {
                event,
                process: Some(row),
                target: None,
            });
            self.plugins.offer_to(plugin, &record);
        }
    }

    /// Ends the recording and lets every plugin finish what waits for it.
    pub fn finish(&mut self) -> Result<(), CaptureError> {
        self.plugins.drain();
        self.keep_answers();
        self.moment.pass(u64::MAX);
        self.recorder.take().map_or(Ok(()), Recorder::finish)
    }
}
