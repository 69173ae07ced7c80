//! One plugin, and versions of it that come when they are asked for.

use super::{directory, exec, host, plugin, put};
use crossbeam_channel::Receiver;
use std::time::{Duration, Instant};
use vedette::{
    finding::Finding,
    plugin::{
        Answer, Command, HostOptions, Outcome, Overflow, PluginHost, Reply, Report, life::Stage,
    },
    record::Record,
};

pub const PATIENCE: Duration = Duration::from_secs(120);
pub const SECOND: u64 = 1_000_000_000;

/// A host with one plugin, mostly the keeper, in a directory that is not watched: versions come when they are asked
/// for.
pub struct Trial {
    plugin: &'static str,
    version_of: fn(u32, &str) -> Vec<u8>,
    directory: tempfile::TempDir,
    pub host: PluginHost,
    outcomes: Receiver<Outcome>,
    /// Id of the next event.
    pub next: u64,
    version: u32,
    /// All that came out.
    pub findings: Vec<Finding>,
    pub others: Vec<Outcome>,
}

impl Trial {
    pub fn new(options: HostOptions, config: &str) -> Trial {
        Trial::of("keeper", keeper, options, config)
    }

    /// One of another plugin, of which this makes versions.
    pub fn of(
        plugin: &'static str,
        version_of: fn(u32, &str) -> Vec<u8>,
        options: HostOptions,
        config: &str,
    ) -> Trial {
        let directory = directory();
        put(directory.path(), "k.wasm", &version_of(0, config));
        let (host, outcomes) = host(HostOptions {
            sources: vec![directory.path().to_owned()],
            overflow: Overflow::Wait,
            watch: false,
            ..options
        });
        Trial {
            plugin,
            version_of,
            directory,
            host,
            outcomes,
            next: 0,
            version: 0,
            findings: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Execs, each of which the keeper finds.
    pub fn execs(&mut self, count: u64) {
        (0..count).for_each(|_| self.exec("/x"));
        self.host.flush();
    }

    /// An exec of that.
    pub fn exec(&mut self, path: &str) {
        let record = exec(self.next, path);
        let mut event = record.event.clone();
        // 4 ms apart: a plugin may raise two findings of each.
        event.at = SECOND + self.next * SECOND / 250;
        self.host.offer(Record {
            event,
            process: record.process.clone(),
            target: None,
        });
        self.next += 1;
    }

    pub fn asked(&mut self, command: Command) -> Receiver<Result<Answer, String>> {
        let (reply, answer) = Reply::channel();
        self.host.serve(command, reply);
        answer
    }

    /// What the pipeline does between two events.
    pub fn round(&mut self) {
        for change in self.host.changes() {
            self.host.apply(change);
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    pub fn wait(&mut self, answer: &Receiver<Result<Answer, String>>) -> Result<Answer, String> {
        let begun = Instant::now();
        loop {
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "an answer comes");
            self.round();
        }
    }

    pub fn ask(&mut self, command: Command) -> Result<String, String> {
        let answer = self.asked(command);
        match self.wait(&answer)? {
            Answer::Done(text) => Ok(text),
            other => panic!("{other:?}"),
        }
    }

    /// Puts another version in the file and asks for it.
    pub fn reload(
        &mut self,
        config: &str,
        shadow: Option<u64>,
    ) -> Receiver<Result<Answer, String>> {
        self.version += 1;
        let bytes = (self.version_of)(self.version, config);
        put(self.directory.path(), "k.wasm", &bytes);
        self.asked(Command::Reload {
            plugin: self.plugin.to_owned(),
            force: false,
            shadow,
        })
    }

    /// Puts another version in the file, and it runs in its shadow when this returns.
    pub fn rehearse(
        &mut self,
        config: &str,
        shadow: Option<u64>,
    ) -> Receiver<Result<Answer, String>> {
        let answer = self.reload(config, shadow);
        let begun = Instant::now();
        while self.info().generations[0].stages.last().map(|s| s.stage) != Some(Stage::Shadow) {
            assert!(begun.elapsed() < PATIENCE, "the shadow begins");
            self.round();
        }
        answer
    }

    pub fn takes_over(&mut self, config: &str) {
        let answer = self.reload(config, None);
        let answer = self.wait(&answer);
        assert!(answer.is_ok(), "{answer:?}");
    }

    pub fn info(&mut self) -> Report {
        let plugin = self.plugin.to_owned();
        let answer = self.asked(Command::Info { plugin });
        match self.wait(&answer) {
            Ok(Answer::Plugin(report)) => *report,
            other => panic!("{other:?}"),
        }
    }

    pub fn rolls_back(&mut self) -> Result<String, String> {
        let plugin = self.plugin.to_owned();
        self.ask(Command::Rollback { plugin })
    }

    pub fn drain(&mut self) {
        self.host.drain();
        for outcome in self.outcomes.try_iter() {
            match outcome {
                Outcome::Finding(finding) => self.findings.push(*finding),
                other => self.others.push(other),
            }
        }
    }

    /// Events that were found, in order, each once.
    pub fn found(&self) -> Vec<u64> {
        let own = self.findings.iter().filter(|f| &*f.plugin == self.plugin);
        let mut found: Vec<u64> = own
            .filter(|f| !f.dedup.ends_with("more"))
            .map(|f| f.evidence[0].event)
            .collect();
        found.dedup();
        found
    }

    pub fn health(&self, rule: &str) -> Vec<&Finding> {
        self.findings.iter().filter(|f| f.rule == rule).collect()
    }

    /// Findings of the version that was there first.
    pub fn of_the_first(&self) -> usize {
        let own = self.findings.iter().filter(|f| &*f.plugin == self.plugin);
        own.filter(|f| &*f.version == "1.0.0").count()
    }

    /// What memory and state have counted at the last event.
    pub fn counted(&self) -> &str {
        let mut own = self.findings.iter().filter(|f| &*f.plugin == self.plugin);
        let message = own.next_back().map_or("", |f| f.message.as_str());
        message.split_once(" {").map_or("", |(counts, _)| counts)
    }
}

/// A version of the keeper with this configuration.
pub fn keeper(n: u32, config: &str) -> Vec<u8> {
    let limits = match config.contains("grow") {
        true => "",
        false => "[limits]\nmemory = \"64 MiB\"\nstate = \"16 MiB\"\n",
    };
    let form = match config.split_once("form = ") {
        Some((_, form)) => format!("[state]\nversion = {}\n", form.lines().next().unwrap_or("")),
        None => String::new(),
    };
    plugin(
        "keeper",
        &[
            ("version = \"1.0.0\"", &format!("version = \"1.0.{n}\"")),
            ("[config]", &format!("{limits}{form}[config]\n{config}")),
        ],
    )
}
