//! Removing a client from all nodes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::admin::{get, request};
use crate::support::{Node, herd, scratch, wait_until};

pub(crate) const TOKEN: &str = "correct-horse-battery-staple";

/// Writes a file with a token and a mode.
pub(crate) fn token_file(test: &str, token: &str, mode: u32) -> String {
    let file = scratch(test).join("token").display().to_string();
    let _ = fs::remove_file(&file);
    fs::write(&file, format!("{token}\n")).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    file
}

/// Requests the removal of a client, with or without a header. Returns the status and the body.
fn remove(node: &Node, client: &str, header: &str) -> (u16, String) {
    let (head, body) = request(node, &format!("DELETE /clients/{client} HTTP/1.0\r\n{header}\r\n"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn a_report_from_the_future_is_removed_from_all_nodes_and_the_client_goes_on() {
    let file = token_file("future", TOKEN, 0o600);
    let args = ["--admin-address", "127.0.0.1:0", "--admin-token-file", &file];
    let alford = Node::start_awaiting_with("Alford", "Parker", "future", &args);
    let parker = Node::start_beside("Parker", ("Alford", &alford), "future", |command| command);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let question = "WHATSAT caf\u{e9}/1 1 0\n";
    let sees = |node: &Node, text: &str| node.ask(question.as_bytes()).starts_with(text);

    let future = parker.ask(format!("IAMAT caf\u{e9}/1 +1+1 {}\n", now + 80_000).as_bytes());
    assert!(future.starts_with("AT Parker -"), "{future}");
    wait_until("Alford has heard of it", || sees(&alford, &future));
    let present = alford.ask(format!("IAMAT caf\u{e9}/1 +2+2 {now}\n").as_bytes());
    assert!(sees(&alford, &future) && !sees(&alford, &present));

    assert_eq!(remove(&alford, "caf%C3%A9%2F1", &bearer(TOKEN)), (200, "removed\n".to_owned()));
    for node in [&alford, &parker] {
        wait_until("it is removed", || node.ask(question.as_bytes()) == format!("? {question}"));
    }
    let present = parker.ask(format!("IAMAT caf\u{e9}/1 +3+3 {now}\n").as_bytes());
    for node in [&alford, &parker] {
        wait_until("the report counts", || sees(node, &present));
    }
    let told: serde_json::Value = serde_json::from_str(&get(&alford, "/status").1).unwrap();
    assert_eq!((&told["clients"], &told["removed_clients"]), (&1.into(), &1.into()));
}

#[test]
fn only_the_token_allows_to_remove_and_a_client_that_is_unknown_is_told_so() {
    let file = token_file("token", TOKEN, 0o600);
    let node = Node::start_with("token", "removed_clients = 1", |command| {
        command.args(["--admin-address", "127.0.0.1:0", "--admin-token-file", &file])
    });
    node.ask(b"IAMAT kiwi +1+1 1\nIAMAT plum +1+1 1\n");
    let unauthorised = [
        String::new(),
        bearer(""),
        bearer(&TOKEN[1..]),
        bearer(&TOKEN.to_uppercase()),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("X-Token: {TOKEN}\r\n"),
    ];
    for header in unauthorised {
        let (status, body) = remove(&node, "kiwi", &header);
        assert_eq!((status, body.contains(TOKEN)), (401, false), "{header}{body}");
    }
    for verb in ["GET", "POST", "OPTIONS"] {
        let (head, _) = request(&node, &format!("{verb} /clients/kiwi HTTP/1.0\r\n{}\r\n", bearer(TOKEN)));
        assert!(head.contains(" 405 "), "{head}");
    }
    assert!(node.ask(b"WHATSAT kiwi 1 0").starts_with("AT "));
    for unknown in ["fig", "fig%20leaf", "%0A"] {
        let told = "this node knows no such client\n".to_owned();
        assert_eq!(remove(&node, unknown, &bearer(TOKEN)), (404, told));
    }
    assert_eq!(remove(&node, "kiwi", &bearer(TOKEN)).0, 200);
    assert_eq!(remove(&node, "kiwi", &bearer(TOKEN)).0, 404);
    let (status, body) = remove(&node, "plum", &bearer(TOKEN));
    assert!(status == 507 && body.contains("removed_clients"), "{status} {body}");
    assert!(node.ask(b"WHATSAT plum 1 0").starts_with("AT "));
}

#[test]
fn without_a_token_file_nothing_is_removed_and_the_answer_says_how_to_have_one() {
    let node = Node::start_with("no-token", "", |command| command.args(["--admin-address", "127.0.0.1:0"]));
    node.ask(b"IAMAT kiwi +1+1 1\n");
    let (status, body) = remove(&node, "kiwi", &bearer(TOKEN));
    assert!(status == 403 && body.contains("--admin-token-file"), "{status} {body}");
    assert!(node.ask(b"WHATSAT kiwi 1 0").starts_with("AT "));
}

#[test]
fn a_token_that_others_can_read_or_guess_is_refused() {
    let admin = ["--admin-address", "127.0.0.1:0"];
    for (test, token, mode, args, reason) in [
        ("exposed", TOKEN, 0o604, &admin[..], "others can read it (mode 604): chmod 600 it"),
        (
            "short",
            "swordfish",
            0o600,
            &admin[..],
            "expected at least 16 visible ASCII characters on one line",
        ),
        ("no-port", TOKEN, 0o600, &[][..], "--admin-token-file needs an admin port: add --admin-address"),
    ] {
        let file = token_file(test, token, mode);
        let output = herd(test)
            .args(["Alford", "--insecure-links", "--admin-token-file", &file])
            .args(args)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(reason) && !told.contains(token), "{told}");
    }
}
