//! `herd say`: a node and a client that sends it lines.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use fixtures::checkout::program;
use herd::tls::{Authority, Hosts};
use nix::pty::openpty;

use crate::support::{DEADLINE, IAMAT, Node, herd, node_table, scratch};

/// Runs `herd say` with arguments and standard input.
fn say(test: &str, arguments: &[&str], input: &str) -> Output {
    herd(test).arg("say").args(arguments).write_stdin(input).output().unwrap()
}

/// What a command printed on standard output and on standard error.
fn printed(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn answers_are_printed_as_they_are_with_a_hint_behind_each_refusal() {
    let node = Node::start("say", "");
    let address = node.client.to_string();
    let lines = [IAMAT.trim_end(), "WHATSAT kiwi 0 0", "IAMAT kiwi +1+1 16..5", "WHATSAT plum 1 1"];
    let output = say("say", &[&[&*address], &lines[..]].concat(), "");
    let (answers, hints) = printed(&output);
    let at = node.ask(b"WHATSAT kiwi 0 0\n");
    let first = at.lines().next().unwrap();
    assert_eq!(answers, format!("{first}\n{at}? IAMAT kiwi +1+1 16..5\n? WHATSAT plum 1 1\n"));
    assert_eq!(
        hints,
        "hint: the time `16..5`: expected seconds since 1970, such as 1621464827.959498503\n\
         hint: the client `plum` is unknown to the node, was removed, or is in a shard whose nodes do not answer\n"
    );
    assert!(output.status.success());
    let checked = say("say", &[&["--check", &*address], &lines[..]].concat(), "");
    assert_eq!(checked.status.code(), Some(1));
    assert!(printed(&checked).1.ends_with("error: 2 of 4 lines refused\n"));
    assert!(say("say", &["--check", &address, "WHATSAT kiwi 0 0"], "").status.success());
}

#[test]
fn lines_come_from_standard_input_in_any_number() {
    let node = Node::start("say-input", "");
    let lines: String = (0..20_000).map(|number| format!("IAMAT kiwi +1+1 {number}\n? {number}\n")).collect();
    let output = say("say-input", &[&node.client.to_string()], lines.trim_end());
    let (answers, hints) = printed(&output);
    assert_eq!(answers.lines().count(), 40_000);
    assert!(answers.ends_with("? ? 19999\n"), "{}", &answers[answers.len() - 100..]);
    assert!(hints.ends_with("hint: 19980 more lines were refused\n"), "{hints}");
    assert!(output.status.success());
    let mut of_folder = Command::new(program("herd"));
    let folder = fs::File::open(scratch("say-input")).unwrap();
    let output = of_folder.args(["say", &node.client.to_string()]).stdin(folder).output().unwrap();
    assert_eq!(printed(&output).1, "error: cannot read standard input: Is a directory (os error 21)\n");
    let nothing = say("say-input", &[&node.client.to_string()], "");
    assert!(nothing.status.success() && nothing.stdout.is_empty() && nothing.stderr.is_empty());
}

#[test]
fn nodes_are_found_by_their_names_in_a_herd_file_and_each_gets_all_lines() {
    let (alford, parker) = (Node::start("say-names", ""), Node::start("say-names-2", ""));
    let [first, second] = [("Alford", &alford), ("Parker", &parker)].map(|(name, node)| {
        node_table(name, &node.link.to_string(), None).replace("127.0.0.1:0", &node.client.to_string())
    });
    let file = scratch("say-names").join("two.toml").display().to_string();
    fs::write(&file, format!("name = \"two\"\n{first}{second}")).unwrap();
    let output = say("say-names", &["Alford,Parker", "--config", &file], "x\n");
    let expected =
        format!("==> Alford at {} <==\n? x\n==> Parker at {} <==\n? x\n", alford.client, parker.client);
    assert_eq!(printed(&output).0, expected);
    let wrong = say("say-names", &["Alfrd", "--config", &file], "x\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(printed(&wrong).1.contains("did you mean `Alford`?"), "{wrong:?}");
    // One of two nodes is enough for an error, and the other one is asked all the same.
    drop(alford);
    let output = say("say-names", &["Alford,Parker", "--config", &file], "x\n");
    let (answers, errors) = printed(&output);
    assert!(answers.ends_with("<==\n? x\n") && errors.contains("Alford at"), "{output:?}");
    assert!(errors.ends_with("error: 1 of 2 nodes did not answer all lines\n"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_node_that_does_not_answer_is_an_error_that_says_what_to_try() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let silent = say("say-nobody", &["--timeout", "50ms", &address, "x"], "");
    let told = printed(&silent).1;
    assert_eq!(told, format!("error: {address} sent nothing for 50ms, after 0 of 1 answers\n"));
    drop(listener);
    let nobody = say("say-nobody", &[&address, "x"], "");
    let told = printed(&nobody).1;
    assert!(
        told.starts_with(&format!("error: cannot connect to {address}: connection refused: start")),
        "{told}"
    );
    assert_eq!((silent.status.code(), nobody.status.code()), (Some(1), Some(1)));
    // A node closes a connection with a line that is too long.
    let node = Node::start("say-long", "");
    let address = node.client.to_string();
    let long = say("say-long", &[&address], &format!("y\n{}\nz\n", "x ".repeat(3000)));
    let (answers, told) = printed(&long);
    assert!(answers.starts_with("? y\n? x x x"), "{answers}");
    assert!(told.contains("hint: the line is too long: it exceeds line_bytes\n"), "{told}");
    assert!(told.contains("closed the connection after 2 of 3 answers"), "{told}");
}

#[test]
fn a_connection_that_ends_before_the_input_or_within_an_answer_is_an_error() {
    for (answer, expected) in [
        ("? x\n", "closed the connection before the end of the input"),
        ("AT Alford +0.000000001 kiwi +1+1 1\n{\n", "closed the connection within an answer"),
        ("? too many connections\n", "closed the connection after 0 of 1 answers"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut command = Command::new(program("herd"));
        command.args(["say", &address]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Standard input stays open until the end.
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"x\n").unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 2);
        stream.write_all(answer.as_bytes()).unwrap();
        drop(stream);
        let (code, errors) = (child.wait().unwrap().code(), child.stderr.take().unwrap());
        let errors = std::io::read_to_string(errors).unwrap();
        assert!(code == Some(1) && errors.contains(expected), "{code:?}: {errors}");
    }
}

#[test]
fn flags_may_follow_lines_and_a_misspelt_flag_is_no_line() {
    let node = Node::start("say-flags", "");
    let address = node.client.to_string();
    assert_eq!(say("say-flags", &[&address, "x", "--check"], "").status.code(), Some(1));
    let misspelt = say("say-flags", &[&address, "--tsl", IAMAT], "");
    assert_eq!((misspelt.status.code(), printed(&misspelt).0.as_str()), (Some(2), ""));
    assert_eq!(printed(&say("say-flags", &[&address, "--", "--tsl"], "")).0, "? --tsl\n");
}

#[test]
fn certificates_are_verified_and_errors_name_the_flag_that_is_missing() {
    let folder = scratch("say-tls").join("certs");
    let _ = fs::remove_dir_all(&folder);
    let files = Authority::init(&folder).unwrap().add("Alford", &Hosts::default(), 30, false).unwrap();
    let [ca, cert, key] = [&files.ca, &files.cert, &files.key].map(|file| file.display().to_string());
    let node = Node::start_with("say-tls", "", |command| {
        command.args(["--clients-cert", &cert, "--clients-key", &key])
    });
    let address = node.client.to_string();
    let told = |arguments: &[&str]| {
        let output = say("say-tls", &[arguments, &[&address, "x"]].concat(), "");
        let (answers, errors) = printed(&output);
        if output.status.success() { answers } else { errors }
    };
    assert_eq!(told(&["--ca", &ca, "--server-name", "Alford"]), "? x\n");
    assert!(
        told(&["--ca", &ca]).contains("its certificate is for another host: name that with --server-name")
    );
    assert!(told(&["--server-name", "a b"]).contains("cannot be the name of a server"));
    assert!(told(&[]).contains("serves clients over TLS: use --tls"));
    // The authorities of the machine are those in this variable.
    let by_machine = |file: &str| {
        let mut command = herd("say-tls");
        command.args(["say", "--tls", "--server-name", "Alford", &address, "x"]).env("SSL_CERT_FILE", file);
        command.output().unwrap()
    };
    assert_eq!(printed(&by_machine(&ca)).0, "? x\n");
    let other = scratch("say-tls").join("other");
    let _ = fs::remove_dir_all(&other);
    Authority::init(&other).unwrap();
    let errors = printed(&by_machine(&other.join("ca.pem").display().to_string())).1;
    assert!(errors.contains("not signed by a trusted authority: name the authority with --ca"), "{errors}");
    // Closing an encrypted connection waits until everything is sent, which a node whose answers
    // nobody reads does not take.
    let lines = format!("{IAMAT}{}", "x ".repeat(1000) + "\n").repeat(5000);
    let output = say("say-tls", &["--ca", &ca, "--server-name", "Alford", &address], &lines);
    assert_eq!(printed(&output).0.lines().count(), 10_000);
    assert!(output.status.success());
    let plain = Node::start("say-tls-not", "");
    let errors = printed(&say("say-tls", &["--ca", &ca, &plain.client.to_string(), "x"], "")).1;
    assert!(errors.contains("it does not speak TLS: leave out --tls"), "{errors}");
}

#[test]
fn a_terminal_gets_a_prompt_that_completes_verbs_and_has_a_history() {
    let node = Node::start("say-prompt", "");
    let terminal = openpty(None, None).unwrap();
    let mut command = Command::new(program("herd"));
    command.args(["say", "--check", &node.client.to_string()]).env("TERM", "xterm");
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
    let mut keys = fs::File::from(terminal.master.try_clone().unwrap());
    let screen = screen_of(fs::File::from(terminal.master));
    let mut shown = String::new();
    let mut wait_for = |text: &str| {
        let deadline = Instant::now() + DEADLINE;
        while !shown.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match screen.recv_timeout(left) {
                Ok(more) => shown += &more,
                Err(_) => panic!("no {text:?} in {shown:?}"),
            }
        }
        shown = shown.split_once(text).unwrap().1.to_owned();
    };
    wait_for("> ");
    keys.write_all(b"wh\tplum 1 1\r").unwrap();
    wait_for(
        "? WHATSAT plum 1 1\r\nhint: the client `plum` is unknown to the node, was removed, or is in a shard whose nodes do not answer\r\n",
    );
    wait_for("> ");
    // Up brings the line back; Ctrl-C drops a line, and Ctrl-D ends the prompt.
    keys.write_all(b"\x1b[A 5\r").unwrap();
    wait_for("hint: the number of operands");
    wait_for(" <bound>\r\n");
    wait_for("> ");
    keys.write_all(b"dropped\x03").unwrap();
    wait_for("\n");
    wait_for("> ");
    keys.write_all(b"x\r").unwrap();
    wait_for("? x\r\n");
    wait_for("> ");
    keys.write_all(b"\x04").unwrap();
    wait_for("error: 3 of 3 lines refused");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// Reads what a terminal shows, until it is closed.
fn screen_of(mut terminal: fs::File) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = terminal.read(&mut buffer) {
            if sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
