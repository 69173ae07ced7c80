//! Miners at a pool on loopback, under names that tell and under names that don't.

use vedette_tests::{
    agent::PATIENCE,
    container::{Container, Spec},
    need::Need,
    network::Network,
    pool::Pool,
    process::{Mark, wait_for},
    recording::Recording,
    remote_shell::spawn_script,
    require,
    tools::{Names, Place, Tools},
    workspace,
};

/// How a miner is started for these tools and this port.
type Miner = fn(&Tools, u16) -> String;

fn compiled(tools: &Tools, port: u16, coin: &str) -> String {
    let miner = tools.program("miner");
    match tools.names() {
        Names::Own => format!("{miner} {coin} --url stratum+tcp://127.0.0.1:{port}"),
        Names::Others => format!("POOL_PORT={port} {miner} {coin}"),
    }
}

fn monero(tools: &Tools, port: u16) -> String {
    compiled(tools, port, "monero")
}

fn bitcoin(tools: &Tools, port: u16) -> String {
    compiled(tools, port, "bitcoin")
}

fn python(tools: &Tools, port: u16) -> String {
    let python = tools.get("python3");
    format!(
        r#"{python} -c 'import socket,json,time
s=socket.create_connection(("127.0.0.1",{port}))
say=lambda id,method,params: (s.sendall((json.dumps(dict(id=id,method=method,params=params))+"\n").encode()), s.recv(999))
say(1,"mining.subscribe",["x"]); say(2,"mining.authorize",["w","x"]); say(3,"mining.submit",["w","1"]); time.sleep(60)'"#
    )
}

/// Says it in pieces of 20 bytes, what tells last.
fn crumbs(tools: &Tools, port: u16) -> String {
    let python = tools.get("python3");
    format!(
        r#"{python} -c 'import socket,json,time
s=socket.create_connection(("127.0.0.1",{port})); s.setsockopt(6,1,1)
def say(id,method,params):
    line=(json.dumps(dict(id=id,params=params,method=method))+"\n").encode()
    for at in range(0,len(line),20): s.send(line[at:at+20]); time.sleep(0.01)
    s.recv(999)
say(1,"mining.subscribe",["x"*99]); say(2,"mining.authorize",["w"*99,"x"]); say(3,"mining.submit",["w","1"]); time.sleep(60)'"#
    )
}

struct Running {
    pool: Pool,
    mark: Mark,
    container: Option<Container>,
    _tools: Tools,
}

impl Running {
    fn start(miner: Miner, place: Place, names: Names) -> Self {
        let tools = Tools::new(place, names);
        let mark = Mark::new();
        let network = match place {
            Place::Host => Network::host(),
            Place::Container => Network::private(),
        };
        let pool = Pool::start(&network);
        let script = format!("{}\nexit $?\n", miner(&tools, pool.port()));
        let container = match place {
            Place::Host => {
                let mut child = spawn_script(&script, &tools, &mark);
                std::thread::spawn(move || child.wait());
                None
            }
            Place::Container => {
                let spec = Spec {
                    script,
                    layer: Some(tools.layer().to_owned()),
                    environment: vec![format!("{}={}", Mark::NAME, mark.value())],
                    ..Spec::default()
                };
                Some(Container::start(spec, network))
            }
        };
        let running = Self {
            pool,
            mark,
            container,
            _tools: tools,
        };
        let shared = wait_for(PATIENCE, || {
            let heard = running.pool.heard();
            heard
                .iter()
                .any(|line| line.contains("submit"))
                .then_some(())
        });
        assert!(
            shared.is_some(),
            "the miner itself does not work: {:?}",
            running.pool.heard()
        );
        running
    }
}

fn found_once(miner: Miner, place: Place) {
    require!(Need::Root, Need::Tool("cc"), Need::Tool("python3"));
    if place == Place::Container {
        require!(Need::Tool("runc"), Need::Tool("busybox"));
    }
    let _alone = workspace::alone();
    for names in [Names::Own, Names::Others] {
        Running::start(miner, place, names);
    }
    require!(Need::Agent, Need::Kernel);

    let recording = Recording::default();
    let agent = recording.agent();
    for names in [Names::Own, Names::Others] {
        let running = Running::start(miner, place, names);
        let processes = running.mark.processes();
        let finding = agent.expect(
            &format!("{names:?} names, one of {processes:?}"),
            |finding| {
                finding.category() == "miner"
                    && finding.pid().is_some_and(|pid| processes.contains(&pid))
            },
        );
        assert_eq!(
            finding.container(),
            running.container.as_ref().map(Container::id)
        );
        assert!(!finding.ancestors().is_empty(), "{}", finding.json);
    }
    let stopped = agent.stop();
    let accusations = stopped.accusations();
    assert_eq!(
        accusations.len(),
        2,
        "one finding a miner: {accusations:#?}"
    );
    recording.finds_the_same(&stopped);
}

macro_rules! everywhere {
    ($($name:ident),+ $(,)?) => {
        mod host {
            use super::*;
            $(#[test] fn $name() { found_once(super::$name, Place::Host); })+
        }
        mod container {
            use super::*;
            $(#[test] fn $name() { found_once(super::$name, Place::Container); })+
        }
    };
}

everywhere!(monero, bitcoin, python, crumbs);
