//! The dashboard's harness, the lessons that it plays, and the commands that serve the page.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use herd::dashboard::{Harness, HarnessAction, LessonProgress, LessonState, Life};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xtask::cluster::herd_file::HerdFile;
use xtask::cluster::supervisor::SupervisorClient;
use xtask::dashboard::{LESSONS, SupervisedHarness};

use crate::checkout::{Checkout, wait, wait_until};

/// Returns the harness of the running herd of `fixtures/herds`.
fn harness(checkout: &Checkout) -> SupervisedHarness {
    let supervisor = SupervisorClient::in_folder(checkout.folder.clone());
    let file = HerdFile::find("2015-winter").unwrap();
    SupervisedHarness::new(supervisor, file.herd(), true).unwrap()
}

fn lesson(harness: &SupervisedHarness) -> LessonProgress {
    harness.state().unwrap().lesson.unwrap()
}

fn start(harness: &SupervisedHarness, lesson: &str) {
    harness.perform(&HarnessAction::StartLesson(lesson.to_owned())).unwrap();
}

/// Returns the body of the answer to a request at the dashboard's address.
fn get(url: &str, path: &str) -> Value {
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Returns the address of the dashboard in what a command has printed.
fn url_in(text: &str) -> String {
    let url = text.lines().find_map(|line| line.strip_prefix("Dashboard:")).expect(text).trim();
    assert!(url.starts_with("http://127.0.0.1:") && url.contains("/?token="), "{url}");
    url.to_owned()
}

#[test]
fn a_lesson_is_played_to_its_end_step_by_step() {
    let checkout = Checkout::new("lesson");
    checkout.up(&[]);
    checkout.run(&["say", "Alford", "IAMAT kiwi +9+9 9999"]);
    let harness = harness(&checkout);
    let next = || harness.perform(&HarnessAction::NextStep);
    assert_eq!(next().unwrap_err(), "No lesson has been started.");

    start(&harness, "the-origin-dies-after-flooding");
    let LessonProgress { lesson: told, steps, position, state, error } = lesson(&harness);
    assert_eq!((position, state, error), (0, LessonState::Waiting, None));
    assert_eq!(told.title, "The origin dies after flooding");
    assert_eq!(steps[2].text, "kill Alford");
    next().unwrap();
    let transcript = lesson(&harness).steps[0].transcript.clone();
    assert_eq!(
        transcript,
        ["Alford <- IAMAT kiwi +1+1 1000", "Alford -> AT Alford +<skew 1> kiwi +1+1 1000"]
    );
    next().unwrap();
    next().unwrap();
    assert_eq!(harness.state().unwrap().nodes["Alford"], Life::Down);
    assert_eq!(lesson(&harness).steps[2].transcript, ["Alford: killed"]);
    while lesson(&harness).state == LessonState::Waiting {
        next().unwrap();
    }
    let end = lesson(&harness);
    assert_eq!((end.position, end.state, end.error), (end.steps.len(), LessonState::Done, None));
    assert_eq!(harness.state().unwrap().nodes["Alford"], Life::Running);
    assert_eq!(next().unwrap_err(), "All steps of this lesson have been played.");

    start(&harness, "the-origin-dies-after-flooding");
    (0..3).for_each(|_| next().unwrap());
    harness.perform(&HarnessAction::StopLesson).unwrap();
    let state = harness.state().unwrap();
    assert!(state.lesson.is_none() && state.nodes.values().all(|life| *life == Life::Running));
    harness.perform(&HarnessAction::StopLesson).unwrap();
    let error = harness.perform(&HarnessAction::StartLesson("later-stamp-win".to_owned())).unwrap_err();
    assert_eq!(
        error,
        "This herd can play no lesson called later-stamp-win; did you mean `later-stamp-wins`?"
    );
}

#[test]
fn every_lesson_can_be_played() {
    let checkout = Checkout::new("lessons");
    checkout.up(&["--dashboard"]);
    let harness = harness(&checkout);
    let names: Vec<String> = harness.abilities().lessons.into_iter().map(|lesson| lesson.name).collect();
    assert_eq!(names, LESSONS);
    for name in LESSONS {
        start(&harness, name);
        while lesson(&harness).state == LessonState::Waiting {
            harness.perform(&HarnessAction::NextStep).unwrap();
        }
        let end = lesson(&harness);
        assert_eq!(end.state, LessonState::Done, "{end:?}");
        assert!(end.steps.iter().all(|step| !step.transcript.is_empty()), "{end:?}");
    }
}

#[test]
fn a_step_that_fails_ends_the_lesson_and_says_why() {
    let checkout = Checkout::new("failing");
    checkout.up(&[]);
    let harness = harness(&checkout);
    start(&harness, "later-stamp-wins");
    harness.perform(&HarnessAction::Kill("Alford".to_owned())).unwrap();
    harness.perform(&HarnessAction::NextStep).unwrap();
    let failed = lesson(&harness);
    assert_eq!((failed.position, failed.state), (0, LessonState::Failed));
    let error = failed.error.unwrap();
    assert_eq!(error, "no connection Alford is open, and no node called Alford is running");
    let error = harness.perform(&HarnessAction::NextStep).unwrap_err();
    assert_eq!(error, "This lesson has failed: start it again.");
}

#[test]
fn the_log_of_a_node_is_filtered_from_its_end() {
    let checkout = Checkout::new("log-lines");
    checkout.up(&[]);
    let harness = harness(&checkout);
    for time in 1..=5 {
        checkout.run(&["say", "Alford", &format!("IAMAT kiwi +34.0-118.4 {time}")]);
    }
    let lines = harness.log_lines("Alford", "line=IAMAT kiwi", 2).unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].ends_with(" 4") && lines[1].ends_with(" 5"), "{lines:?}");
    assert!(harness.log_lines("Alford", "", 100).unwrap().len() > 10);
    assert_eq!(harness.log_lines("Alford", "no such text", 9).unwrap(), [""; 0]);
    let error = harness.log_lines("Alfrod", "", 9).unwrap_err();
    assert!(
        error.ends_with("the nodes are Alford, Bolden, Hamilton, Parker, Powell; did you mean `Alford`?")
    );
}

#[test]
fn a_dashboard_ends_without_its_herd_and_leaves_a_herd_that_runs() {
    let checkout = Checkout::new("dashboards");
    assert!(checkout.fail(&["dashboard"]).contains("no herd of this checkout is running"));
    checkout.up(&[]);
    let serve = || {
        let mut command = checkout.command(&["dashboard", "--listen", "127.0.0.1:0"]);
        let mut dashboard = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(dashboard.stdout.take().unwrap()).lines().map_while(Result::ok);
        let until_end = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C stops the dashboard"));
        let url = url_in(&until_end.collect::<Vec<_>>().join("\n"));
        (dashboard, lines, url)
    };
    let (mut dashboard, _lines, url) = serve();
    let herd = get(&url, "/api/herd");
    assert_eq!((&herd["name"], herd["nodes"].as_array().unwrap().len()), (&"2015-winter".into(), 5));
    let reason = herd["harness"]["why_no_cuts"].as_str().unwrap();
    assert!(reason.ends_with("`cargo xtask herd-up --proxy-links`."), "{reason}");
    kill(Pid::from_raw(dashboard.id().cast_signed()), Signal::SIGINT).unwrap();
    assert!(wait(&mut dashboard).success());
    assert_eq!(checkout.pids().len(), 5);

    let (mut dashboard, mut lines, _) = serve();
    checkout.run(&["herd-down"]);
    assert!(wait(&mut dashboard).success());
    assert_eq!(lines.next().unwrap(), "The herd has been stopped, and so has its dashboard.");
}

/// Writes programs that stand in for those that open a browser: they write what they open to
/// `opened`. Returns a `PATH` that finds them first.
fn path_with_openers(tools: &Path, opened: &Path) -> OsString {
    let script = format!("#!/bin/sh\nprintf %s \"$1\" > {}\n", opened.display());
    for program in ["xdg-open", "open"] {
        // A shell writes the file. If this process did, a child that another test starts at the
        // same time could inherit the open file, and a file that is open for writing cannot be
        // executed.
        let write = r#"mkdir -p "${1%/*}" && printf '%s\n' "$2" > "$1" && chmod 700 "$1""#;
        let mut shell = assert_cmd::Command::new("/bin/sh");
        shell.args(["-c", write, "sh"]).arg(tools.join(program)).arg(&script).assert().success();
    }
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths([tools.to_owned()].into_iter().chain(env::split_paths(&others))).unwrap()
}

#[test]
fn herd_up_serves_and_opens_the_dashboard_until_the_herd_is_down() {
    let checkout = Checkout::new("opened");
    let opened = checkout.folder.join("opened");
    let path = path_with_openers(&checkout.folder.join("tools"), &opened);
    let port = checkout.ports.first().to_string();
    let arguments = ["herd-up", "--detach", "--dashboard", "--open", "--base-port", &port];
    let output = checkout.command(&arguments).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let url = url_in(&String::from_utf8(output.stdout).unwrap());
    // The token is in a file that only its owner can read, and not in the arguments of a program.
    let leader = checkout.folder.join("dashboard.html");
    wait_until("the page is opened", || {
        fs::read_to_string(&opened).is_ok_and(|text| text == leader.to_str().unwrap())
    });
    assert!(fs::read_to_string(&leader).unwrap().contains(&format!("content=\"0; url={url}\"")));
    assert_eq!(fs::metadata(&leader).unwrap().mode() & 0o777, 0o600);
    let herd = get(&url, "/api/herd");
    assert_eq!((&herd["harness"]["cuts_links"], &herd["may_act"]), (&true.into(), &false.into()));
    checkout.run(&["herd-down"]);
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    wait_until("the dashboard has ended", || TcpStream::connect(&address).is_err());

    checkout.run(&["herd-up", "--detach", "--base-port", &port]);
    let mut command = checkout.command(&["dashboard", "--open", "--listen", "127.0.0.1:0"]);
    let nowhere = checkout.folder.join("nowhere");
    let mut dashboard =
        command.env("PATH", nowhere).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(dashboard.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("cannot open a browser: "), "{line}");
    checkout.run(&["herd-down"]);
    assert!(wait(&mut dashboard).success());
}
