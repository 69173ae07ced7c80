use super::*;
use crate::context::process::Process;
use std::sync::Arc;

fn row(id: TaskRef) -> Arc<Process> {
    let mut context = crate::context::Context::default();
    let event = vedette_sensor::event::Event {
        kind: vedette_contract::kind::OPEN,
        task: vedette_sensor::event::Task {
            process: id,
            ..Default::default()
        },
        ..Default::default()
    };
    context.apply(&event).process.unwrap()
}

fn respond(policy: &Policy, id: TaskRef) -> Response {
    policy.respond_to(&Proposal {
        action: Action::Kill,
        target: row(id),
        event: None,
    })
}

#[test]
fn only_says_what_it_would_do_unless_it_enforces() {
    let (mut child, id) = kill::tests::victim();
    let mut policy = Policy::new(false, &[]).unwrap();
    assert_eq!(respond(&policy, id).decided, Decision::Observe);
    assert!(child.try_wait().unwrap().is_none());
    policy.enforce = true;
    let done = respond(&policy, id);
    assert_eq!(
        (done.decided, done.done.as_str()),
        (Decision::Act, "killed")
    );
    child.wait().unwrap();
}

#[test]
fn init_and_the_agent_are_never_touched() {
    let policy = Policy::new(true, &[]).unwrap();
    for pid in [1, std::process::id()] {
        let answer = respond(&policy, TaskRef { pid, start: 1 });
        assert_eq!(answer.decided, Decision::Spare);
    }
}

#[test]
fn a_never_list_names_files_that_exist() {
    let error = Policy::new(true, &["/no/such/file".into()]).unwrap_err();
    assert!(error.to_string().contains("/no/such/file"));
}
