//! A plugin that runs for ever, takes all memory, traps or talks without end, on every exec.

use std::hint::black_box;
use vedette_sdk::prelude::*;

#[derive(Default)]
struct Saboteur {
    deed: String,
    hoard: Vec<Vec<u8>>,
}

impl Plugin for Saboteur {
    fn init(&mut self, config: Config<'_>) -> Result<(), String> {
        self.deed = config.text("deed").ok_or("no deed")?.into_owned();
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        match self.deed.as_str() {
            "loops" => loop {
                black_box(event.id());
            },
            "hoard" => loop {
                self.hoard.push(vec![1; 1 << 20]);
            },
            "traps" => panic!("as it was told"),
            "flood" => {
                for number in 0..1000u64 {
                    let text = "x".repeat(100_000);
                    log::info(&text);
                    findings
                        .raise("harm", Severity::Info)
                        .message(&text)
                        .dedup(format!("{}-{number}", event.id()));
                }
            }
            _ => {}
        }
    }
}

vedette_sdk::plugin!(Saboteur);
