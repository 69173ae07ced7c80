//! The tutorial, followed to the letter in each language: every command of docs/tutorial.md is run as
//! it stands there, in order, in an empty directory, and every file is written as it is shown.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use vedette_tests::{agent::command, need::Need, require, workspace};

/// One block of code of the tutorial.
#[derive(Debug)]
struct Block {
    /// What stands behind the opening fence.
    info: String,
    text: String,
}

/// What a block that is for one language says of itself: by its own, or behind `sh`.
const LANGUAGES: [&str; 3] = ["rust", "python", "javascript"];

impl Block {
    /// Whether who writes in this language follows it.
    fn is_for(&self, language: &str) -> bool {
        let mut named = self
            .info
            .split_whitespace()
            .filter(|w| LANGUAGES.contains(w));
        named.next().is_none_or(|named| named == language)
    }
}

fn blocks(tutorial: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in tutorial.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Follows the tutorial; what was begun is in the directory `ghost` of `at`.
struct Reader {
    at: PathBuf,
    said: String,
}

impl Reader {
    fn follow(&mut self, block: &Block) {
        let info: Vec<&str> = block.info.split_whitespace().collect();
        match info[..] {
            ["sh"] => self.run(&block.text),
            ["sh", language] if LANGUAGES.contains(&language) => self.run(&block.text),
            [_, place] => self.write(place, &block.text),
            _ => panic!("what is to be done with {block:?}?"),
        }
    }

    fn write(&self, place: &str, text: &str) {
        let (how, name) = place.split_once('=').expect("file=… or append=…");
        let path = self.at.join(name);
        match how {
            "file" => fs::write(path, text).expect("written"),
            "append" => {
                let file = OpenOptions::new().append(true).open(path);
                let mut file = file.expect("it is there");
                file.write_all(b"\n").expect("written");
                file.write_all(text.as_bytes()).expect("written");
            }
            _ => panic!("{place}: neither file= nor append="),
        }
    }

    fn run(&mut self, script: &str) {
        // Only who records must not meet others.
        let _alone = script.contains("vedette record").then(workspace::alone);
        let vedette = workspace::vedette();
        let own = vedette.parent().expect("it lies in a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        // The environment that the tests give to every call of the agent.
        let with = command(["--version"]);
        let environment = with
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        let output = Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(&self.at)
            .envs(environment)
            .env("PATH", format!("{}:{path}", own.display()))
            .env("CARGO_TARGET_DIR", workspace::cache().join("author"))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("bash runs");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            output.status.success(),
            "{script}:\n{said}\nbefore: {}",
            self.said
        );
        self.said.push_str(&said);
        // Where the reader is now.
        if self.at.join("ghost").is_dir() {
            self.at.push("ghost");
        }
    }
}

fn events_of(capture: &Path) -> usize {
    let output = command(["events", &capture.display().to_string()]).output();
    let output = output.expect("the agent is built");
    assert!(output.status.success());
    output.stdout.iter().filter(|b| **b == b'\n').count()
}

fn follow(language: &str) {
    let directory = TempDir::new().expect("a temporary directory");
    let tutorial = fs::read_to_string(workspace::root().join("docs/tutorial.md"));
    let tutorial = tutorial.expect("the tutorial is there");
    let mut reader = Reader {
        at: directory.path().to_owned(),
        said: String::new(),
    };
    let mut blocks = blocks(&tutorial);
    let all = blocks.len();
    blocks.retain(|block| block.is_for(language));
    assert!(
        blocks.len() > 10 && blocks.len() < all,
        "{} blocks",
        blocks.len()
    );
    for block in &blocks {
        reader.follow(block);
    }
    // What it promises on the way.
    let said = &reader.said;
    assert!(said.contains("2 passed, 0 failed"), "{said}");
    assert!(said.contains("4 passed, 0 failed"), "{said}");
    assert!(said.contains("nothing to complain of"), "{said}");
    assert!(
        said.contains("whose file is deleted, connects to 127.0.0.1:9"),
        "{said}"
    );
    let small = events_of(&reader.at.join("fixtures/deleted.capture"));
    let whole = events_of(&reader.at.join("act.all"));
    assert!(
        small < 100 && small < whole,
        "{small} of {whole} events are left"
    );
}

#[test]
fn the_tutorial_works_as_it_stands() {
    require!(Need::Agent, Need::Kernel, Need::Tool("bash"));
    follow("rust");
}

#[test]
fn the_tutorial_works_in_python() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("bash"),
        Need::Tool("python3")
    );
    follow("python");
}

#[test]
fn the_tutorial_works_in_javascript() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("bash"),
        Need::Tool("npm")
    );
    follow("javascript");
}
