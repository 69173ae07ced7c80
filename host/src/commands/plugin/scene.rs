//! `vedette plugin scene`: the story of a test, through a component.

use super::place::CacheArgs;
use crate::author::scene::Story;
use crate::author::trial::Subject;
use anyhow::Context as _;
use clap::Args;
use std::io::Read;
use std::path::PathBuf;

/// Longest story in bytes: stops a test without end from filling memory.
const MAX_STORY: u64 = 256 << 20;

/// Arguments of `vedette plugin scene`.
#[derive(Debug, Args)]
pub struct Scene {
    /// The component.
    #[arg(value_name = "FILE")]
    component: PathBuf,

    #[command(flatten)]
    cache: CacheArgs,
}

impl Scene {
    /// Reads the story and tells what is found.
    pub fn execute(self) -> anyhow::Result<()> {
        let mut text = Vec::new();
        std::io::stdin().take(MAX_STORY).read_to_end(&mut text)?;
        let story: Story = serde_json::from_slice(&text)
            .context("this is no story; the test kit and the agent must be of one version")?;
        let subject = Subject::read(&self.component, self.cache.directory())?;
        println!("{}", serde_json::to_string(&story.tell(&subject)?)?);
        Ok(())
    }
}
