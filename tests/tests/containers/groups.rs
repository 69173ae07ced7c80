//! Containers that no runtime knows, and many of them.

use super::*;

/// A control group of the test in the unified hierarchy.
struct Group {
    path: PathBuf,
}

impl Group {
    fn new(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("proc is mounted");
        let unified = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let root = unified.and_then(|line| line.split(' ').nth(4));
        let path = Path::new(root.expect("cgroup2 is mounted")).join(name);
        fs::create_dir(&path).expect("root makes groups");
        Self { path }
    }

    /// Executes a program that ends at once in the group.
    fn execute(&self, program: &Path) {
        let status = Command::new("sh")
            .args(["-c", "echo 0 >\"$1/cgroup.procs\" && exec \"$2\"", "sh"])
            .arg(&self.path)
            .arg(program)
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let gone = wait_for(Duration::from_secs(5), || fs::remove_dir(&self.path).ok());
        assert!(gone.is_some(), "{} stays", self.path.display());
    }
}

#[test]
fn a_container_that_no_runtime_knows_stays_pending_and_removed_groups_are_forgotten() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let watch = Watch::start(&[]);
    let portrait = tools::build_program("portrait");
    let id = random_hex(32);
    Group::new(&id).execute(&portrait);
    let finding = watch.portrait(&id);
    assert_fields(
        &finding,
        json!({"id": id, "name": "", "pending": true, "runtime": "", "capabilities": null}),
    );
    // The same program by another name, so that nothing is kept of it as evidence.
    let directory = TempDir::with_prefix("vedette-churn-").expect("a temporary directory");
    let quiet = directory.path().join("quiet");
    fs::copy(portrait, &quiet).expect("an own directory");
    let churn = |groups| {
        for _ in 0..groups {
            Group::new(&random_hex(32)).execute(&quiet);
        }
        // What is removed can be looked up for some seconds more.
        std::thread::sleep(Duration::from_secs(6));
        resident(watch.agent.pid())
    };
    let before = churn(CHURN / 4);
    let after = churn(CHURN);
    println!("resident memory: {before} KB, {after} KB after {CHURN} more groups");
    assert!(after < before + FLAT, "{before} KB, then {after} KB");
    watch.agent.stop();
}

/// Resident memory of a process, KB.
fn resident(pid: u32) -> u64 {
    let field = vedette_tests::process::status_field(pid, "VmRSS");
    let field = field.expect("it runs");
    field
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number of KB")
}

#[test]
fn doctor_names_the_engines() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("podman"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let mut podman = Podman::new();
    let [flag, socket] = runtime("docker", &podman.serve());
    let output = vedette_tests::agent::command(["doctor", "--text", &flag, &socket])
        .output()
        .expect("the agent is built");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.contains("podman.sock"));
    let line = line.unwrap_or_else(|| panic!("no engine in {text}"));
    assert!(
        line.trim_start().starts_with("docker") && line.contains("  "),
        "{line}"
    );
}
