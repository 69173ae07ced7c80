//! `scripts/kernels`: the sensor's live tests on another kernel, for a developer.

use std::{env, process::ExitCode, time::Instant};
use vedette_tests::kernel::{Kernel, live};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(version) = arguments.next() else {
        eprintln!("usage: scripts/kernels VERSION [FILTER ...]");
        return ExitCode::from(2);
    };
    let Some(kernel) = Kernel::find(&version) else {
        eprintln!("kernels: error: there is no Linux {version} here; run scripts/kernels fetch");
        return ExitCode::from(2);
    };
    let filters: Vec<_> = arguments.collect();
    let begin = Instant::now();
    match live::run(&kernel, &filters, &mut |line| println!("{version}  {line}")) {
        Ok(results) => {
            println!(
                "{version}: {} passed, {} failed, {} skipped in {} s",
                results.passed.len(),
                results.failed.len(),
                results.skipped.len(),
                begin.elapsed().as_secs()
            );
            ExitCode::from(u8::from(!results.failed.is_empty()))
        }
        Err(error) => {
            eprintln!("kernels: error: {error}");
            ExitCode::FAILURE
        }
    }
}
