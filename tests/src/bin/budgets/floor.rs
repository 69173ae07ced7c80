//! What no sensor that watches system calls at their exit can cost less than: an empty program
//! there. The kernel takes the slow way in and out of every call while one is attached.

use crate::{
    calls::open_close,
    table::{quantile, row, timed},
};
use aya::{Ebpf, EbpfLoader, VerifierLogLevel, programs::RawTracePoint};
use rustix::process::getppid;
use std::error::Error;

/// Rounds with and without the program. They take no agent's start, so there are more of them.
const ROUNDS: usize = 60;

pub fn measure() {
    match Empty::load() {
        Ok(mut empty) => {
            empty.compare("getppid", || {
                timed(100_000, || {
                    std::hint::black_box(getppid());
                })
            });
            empty.compare("open + close", || timed(20_000, open_close));
        }
        Err(error) => eprintln!("budgets: the floor cannot be measured: {error}"),
    }
}

/// A loaded program that does nothing.
struct Empty(Ebpf);

impl Empty {
    fn load() -> Result<Empty, Box<dyn Error>> {
        let mut object = EbpfLoader::new()
            .allow_unsupported_maps()
            .verifier_log_level(VerifierLogLevel::DISABLE)
            .load(vedette_sensor::probe::PROBE)?;
        program(&mut object)?.load()?;
        Ok(Empty(object))
    }

    /// A row that says what the program alone adds to an act.
    fn compare(&mut self, name: &str, mut act: impl FnMut() -> f64) {
        let (mut bare, mut watched) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(act());
            let outcome = self.attached(|| watched.push(act()));
            if let Err(error) = outcome {
                eprintln!("budgets: the floor of {name} cannot be measured: {error}");
                return;
            }
        }
        let (bare, watched) = (quantile(&bare, 0.5), quantile(&watched, 0.5));
        row(
            &format!("{name}, an empty program at the exit of system calls"),
            &format!(
                "{bare:.1} → {watched:.1} ns: +{:.1} ns, ×{:.3}",
                watched - bare,
                watched / bare
            ),
        );
    }

    fn attached(&mut self, act: impl FnOnce()) -> Result<(), Box<dyn Error>> {
        let program = program(&mut self.0)?;
        let link = program.attach("sys_exit")?;
        act();
        program.detach(link)?;
        Ok(())
    }
}

fn program(object: &mut Ebpf) -> Result<&mut RawTracePoint, Box<dyn Error>> {
    let program = object
        .program_mut("probe_raw_tp")
        .ok_or("the object has no such program")?;
    Ok(program.try_into()?)
}
