//! Makes `host/assets/typical.capture`: half a minute of honest work, of which `vedette plugin
//! check` estimates what a plugin costs. Of the recording it keeps what the work itself did, so
//! that nothing of the machine that it was made on goes along.
//! `target/release/record-typical host/assets/typical.capture`

use std::{
    collections::HashSet,
    process::{Command, ExitCode, Stdio},
    thread::sleep,
    time::Duration,
};
use vedette_contract::kind;
use vedette_sensor::{
    capture::{Header, Reader, Writer},
    event::{Event, Image},
};
use vedette_tests::{agent::command, workspace};

/// A script of what small machines do: a shell, builds, archives, connections, now and then.
const WORK: &str = r#"
cd "$(mktemp -d)"
printf 'int main(void){return 0;}' > a.c
for round in 1 2 3 4 5; do
  gcc a.c -o a && ./a
  tar cf t.tar a.c && gzip -f t.tar
  python3 -m http.server --bind 127.0.0.1 0 > log 2>&1 & server=$!
  sleep 1
  port=$(grep -o 'port [0-9]*' log | grep -o '[0-9]*')
  for n in 1 2 3; do curl -s "http://127.0.0.1:$port/a.c" > /dev/null; done
  kill $server
  find /etc -maxdepth 1 -type f | head -20 | xargs cat > /dev/null
  sleep 4
done
rm -r "$PWD"
"#;

fn main() -> ExitCode {
    let Some(to) = std::env::args().nth(1) else {
        eprintln!("usage: record-typical FILE");
        return ExitCode::FAILURE;
    };
    match record(&to) {
        Ok(kept) => {
            println!("{to}: {kept} events");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("record-typical: {error}");
            ExitCode::FAILURE
        }
    }
}

fn record(to: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let _alone = workspace::alone();
    let whole = format!("{to}.whole");
    let mut recording = command(["record", &whole, "--duration", "35s"]).spawn()?;
    sleep(Duration::from_secs(5));
    let mut work = Command::new("/bin/sh")
        .args(["-c", WORK])
        .current_dir("/")
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let pid = work.id();
    work.wait()?;
    recording.wait()?;
    let reader = Reader::open(&whole)?;
    let mut header: Header = reader.header().clone();
    let kernel = header.kernel.find('-').unwrap_or(header.kernel.len());
    header.kernel.truncate(kernel);
    let events: Vec<Event> = reader.collect::<Result<_, _>>()?;
    std::fs::remove_file(&whole)?;
    let kept = of_work(events, pid);
    let mut writer = Writer::create(to, &header)?;
    for event in &kept {
        writer.write(event)?;
    }
    writer.finish()?;
    Ok(kept.len())
}

/// What a process and its descendants did, from its first event to its last, with the machine's
/// init as their parent.
fn of_work(events: Vec<Event>, pid: u32) -> Vec<Event> {
    let mut work = HashSet::from([pid]);
    for event in events.iter().filter(|e| e.kind == kind::FORK) {
        if let Some(child) = event.target
            && work.contains(&event.task.process.pid)
        {
            work.insert(child.pid);
        }
    }
    let acts = |e: &Event| work.contains(&e.task.process.pid);
    let first = events.iter().find(|e| acts(e)).map_or(0, |e| e.at);
    let last = events.iter().rev().find(|e| acts(e)).map_or(0, |e| e.at);
    let mut kept: Vec<Event> = events
        .into_iter()
        .filter(|e| match e.kind {
            kind::EXISTING => e.task.process.pid == 1,
            kind::TICK => (first..=last).contains(&e.at),
            _ => acts(e) && (first..=last).contains(&e.at),
        })
        .collect();
    for event in &mut kept {
        if event.kind == kind::EXISTING {
            event.at = first;
            event.task.comm = [0; 16];
            event.text = b"/sbin/init"[..].into();
            if let Some(image) = &mut event.image {
                **image = Image::default();
            }
        } else if event.task.process.pid == pid {
            event.task.parent.pid = 1;
            event.task.parent.start = 0;
        }
    }
    kept
}
