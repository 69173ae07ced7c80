//! Telling the story.

use super::component;
use super::fd::Fd;
use super::given::{File, Given};
use super::play::Play;
use super::services;
use super::tables::{MomentRow, Rows};
use crate::context::Socket;
use crate::values::{image_class, process_mark};
use crate::{Plugin, Snapshot, instance, kind, raw};
use std::rc::Rc;

/// A process of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actor(usize);

impl Actor {
    /// The stable key of its rows.
    pub fn key(self) -> u64 {
        0x1000 + self.0 as u64
    }

    /// Its pid.
    pub fn pid(self) -> u32 {
        100 + self.0 as u32
    }
}

/// An image to execute.
#[derive(Debug, Clone)]
pub struct Exec {
    exe: Vec<u8>,
    args: Vec<u8>,
    class: u32,
    marks: u32,
}

impl Exec {
    /// A file that is neither shell nor interpreter.
    pub fn new(exe: &str, args: &[&str]) -> Exec {
        Exec {
            exe: exe.into(),
            args: args.join("\0").into(),
            class: image_class::OTHER,
            marks: 0,
        }
    }

    /// It is a shell by its content.
    pub fn shell(self) -> Exec {
        self.class(image_class::SHELL)
    }

    /// It is the runtime of a scripting language by its content.
    pub fn interpreter(self) -> Exec {
        self.class(image_class::INTERPRETER)
    }

    /// It is of this class.
    pub fn class(mut self, class: u32) -> Exec {
        self.class = class;
        self
    }

    /// Its row has these marks too.
    pub fn marks(mut self, marks: u32) -> Exec {
        self.marks |= marks;
        self
    }
}

/// An event of any kind.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the slots of `record event` in detect.wit")]
pub struct Act {
    pub kind: u16,
    pub ret: i32,
    pub marks: u32,
    pub target: Option<Actor>,
    pub a: u64,
    pub b: u64,
    pub c: u64,
    pub text: Vec<u8>,
    pub text2: Vec<u8>,
    /// Key, value, text.
    pub attrs: Vec<(u32, u64, Vec<u8>)>,
}

impl Act {
    /// An event of this kind.
    pub fn new(kind: u16) -> Act {
        Act {
            kind,
            ..Act::default()
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Told {
    pub act: Act,
    pub id: u64,
    pub at: u64,
    pub process: Option<Rc<MomentRow>>,
    pub target: Option<Rc<MomentRow>>,
    /// Every process as it is then.
    pub rows: Rows,
}

/// A story.
pub struct Scene {
    rows: Vec<Rc<MomentRow>>,
    told: Vec<Told>,
    given: Rc<Given>,
    now: u64,
}

/// ns between two events of a story.
const STEP: u64 = 1_000_000;

impl Default for Scene {
    fn default() -> Self {
        Scene::new()
    }
}

impl Scene {
    /// An empty machine.
    pub fn new() -> Scene {
        Scene {
            rows: Vec::new(),
            told: Vec::new(),
            given: Rc::default(),
            now: 1_000_000_000,
        }
    }

    /// A process that is there without any event having told so.
    pub fn process(&mut self, exec: Exec) -> Actor {
        self.add(None, exec)
    }

    /// A child that is there without any event having told so.
    pub fn child(&mut self, parent: Actor, exec: Exec) -> Actor {
        self.add(Some(parent), exec)
    }

    fn add(&mut self, parent: Option<Actor>, exec: Exec) -> Actor {
        let actor = Actor(self.rows.len());
        let parent = parent.map(|p| self.rows[p.0].clone());
        let mut row = match &parent {
            Some(parent) => (**parent).clone(),
            None => MomentRow::default(),
        };
        row.key = actor.key();
        row.pid = actor.pid();
        row.start = self.now;
        row.parent = parent;
        row.execute(exec.exe, exec.args, exec.class, exec.marks);
        self.rows.push(Rc::new(row));
        actor
    }

    /// Changes the row of a process without an event.
    pub fn change(&mut self, actor: Actor, change: impl FnOnce(&mut MomentRow)) {
        let mut row = (*self.rows[actor.0]).clone();
        change(&mut row);
        self.rows[actor.0] = Rc::new(row);
    }

    /// Puts a process, and what it will fork, into the container with this key.
    pub fn contain(&mut self, actor: Actor, container: u64) {
        self.change(actor, |row| row.container = container);
    }

    /// Says what is known of the container that a process is in, for it and what it will fork: bits
    /// of `container-mark`, and attributes of the catalogue's kind `container`: key, value, text.
    pub fn describe(&mut self, actor: Actor, marks: u32, attrs: Vec<(u32, u64, Vec<u8>)>) {
        self.change(actor, |row| {
            row.container_marks = marks;
            row.container_attrs = Rc::new(attrs);
        });
    }

    /// Puts something behind a descriptor without an event, as `open` or `accept` do.
    pub fn set_fd(&mut self, actor: Actor, fd: u32, what: Fd) {
        self.change(actor, |row| row.set_fd(fd, what));
    }

    /// Tells an event of any kind; returns its id.
    pub fn tell(&mut self, actor: Actor, act: Act) -> u64 {
        let process = self.rows[actor.0].clone();
        self.push(Some(process), act)
    }

    /// Tells an event that no process did; returns its id.
    pub fn tell_alone(&mut self, act: Act) -> u64 {
        self.push(None, act)
    }

    fn push(&mut self, process: Option<Rc<MomentRow>>, act: Act) -> u64 {
        self.now += STEP;
        let id = 1 + self.told.len() as u64;
        let target = act.target.map(|t| self.rows[t.0].clone());
        self.told.push(Told {
            act,
            id,
            at: self.now,
            process,
            target,
            rows: self.rows.as_slice().into(),
        });
        id
    }

    /// Tells that a process was there before the subscription began.
    pub fn existing(&mut self, actor: Actor) -> u64 {
        self.change(actor, |row| row.marks |= process_mark::EXISTING);
        let text = self.rows[actor.0].exe.clone();
        self.tell(
            actor,
            Act {
                text,
                ..Act::new(kind::EXISTING)
            },
        )
    }

    /// A process makes a child.
    pub fn fork(&mut self, parent: Actor) -> Actor {
        let child = Actor(self.rows.len());
        let mut row = (*self.rows[parent.0]).clone();
        row.key = child.key();
        row.pid = child.pid();
        row.start = self.now;
        row.marks &= !process_mark::EXISTING;
        row.parent = Some(self.rows[parent.0].clone());
        self.rows.push(Rc::new(row));
        self.tell(
            parent,
            Act {
                target: Some(child),
                ..Act::new(kind::FORK)
            },
        );
        child
    }

    /// A process executes an image.
    pub fn exec(&mut self, actor: Actor, exec: Exec) -> u64 {
        let text = exec.exe.clone();
        self.change(actor, |row| {
            row.execute(exec.exe, exec.args, exec.class, exec.marks);
        });
        self.tell(
            actor,
            Act {
                text2: text.clone(),
                text,
                ..Act::new(kind::EXEC)
            },
        )
    }

    /// A process puts something behind a standard descriptor.
    pub fn dup(&mut self, actor: Actor, fd: u32, what: Fd) -> u64 {
        let act = Act {
            a: u64::from(fd) | u64::from(what.kind) << 32,
            b: what.id,
            c: u64::from(what.marks) | u64::from(what.port) << 32,
            text: what.address.clone(),
            ..Act::new(kind::DUP)
        };
        self.set_fd(actor, fd, what);
        self.tell(actor, act)
    }

    /// A process opens a file, with these O_… flags.
    pub fn open(&mut self, actor: Actor, path: &str, flags: u32) -> u64 {
        self.tell(
            actor,
            Act {
                a: flags.into(),
                text: path.into(),
                ..Act::new(kind::OPEN)
            },
        )
    }

    /// A process connects a TCP socket.
    pub fn connect(&mut self, actor: Actor, address: [u8; 4], port: u32, socket: u64) -> u64 {
        /// AF_INET and SOCK_STREAM as the event carries them.
        const TCP: u64 = 2 | 1 << 16;
        self.tell(
            actor,
            Act {
                a: u64::from(port) | TCP << 32,
                b: socket,
                c: socket << 8,
                text: address.to_vec(),
                ..Act::new(kind::CONNECT)
            },
        )
    }

    /// A process makes a pipe.
    pub fn pipe(&mut self, actor: Actor, inode: u64) -> u64 {
        self.tell(
            actor,
            Act {
                a: inode,
                b: 3 | 4 << 32,
                ..Act::new(kind::PIPE)
            },
        )
    }

    /// A process makes a pseudo-terminal.
    pub fn terminal(&mut self, actor: Actor, index: u32) -> u64 {
        self.tell(
            actor,
            Act {
                a: index.into(),
                b: 24,
                ..Act::new(kind::TERMINAL)
            },
        )
    }

    /// A process makes two connected unix sockets.
    pub fn socketpair(&mut self, actor: Actor, first: u64, second: u64) -> u64 {
        self.tell(
            actor,
            Act {
                a: first,
                b: second,
                ..Act::new(kind::SOCKETPAIR)
            },
        )
    }

    /// A process ends.
    pub fn exit(&mut self, actor: Actor) -> u64 {
        self.change(actor, |row| row.marks |= process_mark::EXITED);
        self.tell(actor, Act::new(kind::EXIT))
    }

    /// A second passes.
    pub fn tick(&mut self) -> u64 {
        self.now += 1_000_000_000 - STEP;
        self.push(None, Act::new(kind::TICK))
    }

    /// So many seconds pass: timers that are due by then are told.
    pub fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.tick();
        }
    }

    /// Gives the plugin a list of the operator's, with one entry a line as in a file of `--intel`:
    /// `192.0.2.0/24 what is said of it`, a domain, or a SHA-256.
    ///
    /// # Panics
    /// A line is no entry.
    pub fn list(&mut self, name: &str, lines: &str) {
        let given = Rc::make_mut(&mut self.given);
        given.lists.get_or_insert_default().add(name, lines);
    }

    /// Says what the plugin is told of the file at this path, whatever event it is asked about. Of
    /// other files nothing is known.
    pub fn file(&mut self, path: &str, file: File) {
        let given = Rc::make_mut(&mut self.given);
        given.files.insert(path.into(), file);
    }

    /// Says which sockets a process has open. Of other processes nothing is known.
    pub fn sockets(&mut self, actor: Actor, sockets: Vec<Socket>) {
        let given = Rc::make_mut(&mut self.given);
        given.sockets.insert(actor.key(), sockets);
    }

    /// Bytes that the plugin may keep in `state`, where its manifest asks for another number than
    /// 4 MiB.
    pub fn state_limit(&mut self, bytes: usize) {
        Rc::make_mut(&mut self.given).state = bytes;
    }

    /// What a plugin finds in the story. It is run with batches of 1, of 7 and of all events, and
    /// must find the same; so it must in the agent's sandbox, where `VEDETTE_COMPONENT` names the
    /// plugin's component: see the [module](super).
    ///
    /// # Panics
    /// If the size of the batches changes the findings, the sandbox does, or `init` fails.
    pub fn findings<P: Plugin>(&self) -> Vec<raw::Finding> {
        self.findings_with::<P>("{}")
    }

    /// The same with a configuration, as JSON.
    ///
    /// # Panics
    /// As [`findings`](Scene::findings).
    pub fn findings_with<P: Plugin>(&self, config: &str) -> Vec<raw::Finding> {
        let [one, seven, all] = [1, 7, usize::MAX].map(|size| {
            services::reset();
            services::give(&self.given);
            self.run(&mut started::<P>(config), size)
        });
        component::compare(&self.told, &self.given, config, &one);
        assert_eq!(show(&one), show(&seven), "batches of 1 and 7 differ");
        assert_eq!(show(&one), show(&all), "batches of 1 and all differ");
        one
    }

    /// What a plugin finds when it is reloaded, its memory handed over, after every event.
    ///
    /// # Panics
    /// If `init` or `restore` fails.
    pub fn findings_reloaded<P: Snapshot>(&self) -> Vec<raw::Finding> {
        self.findings_reloaded_with::<P>("{}")
    }

    /// The same with a configuration, as JSON.
    ///
    /// # Panics
    /// As [`findings_reloaded`](Scene::findings_reloaded).
    pub fn findings_reloaded_with<P: Snapshot>(&self, config: &str) -> Vec<raw::Finding> {
        services::reset();
        services::give(&self.given);
        let mut plugin = started::<P>(config);
        Play::new(&self.told, &self.given, 1).run(|batch| {
            let found = instance::detect(&mut plugin, batch);
            let saved = plugin.save();
            plugin = started::<P>(config);
            plugin.restore(P::SCHEMA, &saved).expect("its own snapshot");
            found
        })
    }

    /// Runs a plugin over the story in batches of this size.
    pub fn run<P: Plugin>(&self, plugin: &mut P, size: usize) -> Vec<raw::Finding> {
        Play::new(&self.told, &self.given, size).run(|batch| instance::detect(plugin, batch))
    }
}

fn started<P: Plugin>(config: &str) -> P {
    let mut plugin = P::default();
    instance::init(&mut plugin, config).expect("init with this configuration");
    plugin
}

fn show(findings: &[raw::Finding]) -> String {
    format!("{findings:#?}")
}
