//! Time to classify an executed file: read for the first time, and known.

use criterion::{Criterion, criterion_group, criterion_main};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use vedette_sensor::{device::kernel_device, image::Classifier};

fn image(c: &mut Criterion) {
    let mut group = c.benchmark_group("image");
    group.sample_size(20);
    for (name, program, args) in [
        ("bash", "/bin/bash", &["-c", "read x"][..]),
        ("dash", "/bin/dash", &["-c", "read x"]),
        ("cat", "/bin/cat", &[]),
        ("python", "/usr/bin/python3", &["-c", "input()"]),
    ] {
        let mut child = Command::new(program)
            .args(args)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program is installed");
        std::thread::sleep(std::time::Duration::from_millis(100));
        if let Ok(meta) = std::fs::metadata(format!("/proc/{}/exe", child.id())) {
            let (device, inode) = (kernel_device(meta.dev()), meta.ino());
            let mut classifier = Classifier::new();
            group.bench_function(format!("known/{name}"), |b| {
                b.iter(|| classifier.classify(child.id(), b"", device, inode));
            });
            group.bench_function(format!("first/{name}"), |b| {
                b.iter_batched(
                    Classifier::new,
                    |mut c| (c.classify(child.id(), b"", device, inode), c),
                    criterion::BatchSize::SmallInput,
                );
            });
        }
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
    }
    group.finish();
}

criterion_group!(benches, image);
criterion_main!(benches);
