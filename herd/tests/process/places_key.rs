//! A Places service that repeats the API key in its answers: no output of a node contains the key.

use crate::admin::get;
use crate::support::{IAMAT, Node, herd, whole_log};
use crate::upstream::{CANARY, Upstream, node, reply};

/// The key as a service may write it, and its masked form.
fn forms() -> Vec<(String, &'static str)> {
    let each = |write: fn(u8) -> String| CANARY.bytes().map(write).collect::<String>();
    vec![
        (CANARY.to_owned(), "***"),
        (each(|byte| format!("%{byte:02x}")), "***"),
        (each(|byte| format!("%{byte:02X}")), "***"),
        (CANARY.replacen('c', "%63", 1).replace('-', "%2D"), "***"),
        (each(|byte| format!("\\u{byte:04x}")), "***"),
        // Cut by the service.
        (CANARY[..12].to_owned(), "***"),
        (format!("{}...", &CANARY[..8]), "***..."),
    ]
}

/// Answers of a service that repeat `key`: provider, HTTP status and body.
fn answers(key: &str) -> Vec<(&'static str, &'static str, String)> {
    let new_error =
        |code: u16| format!("{{\"error\":{{\"code\":{code},\"message\":\"no use of key={key}\"}}}}");
    let legacy = |status: &str| {
        format!("{{\"error_message\":\"no use of key={key}\",\"results\":[],\"status\":\"{status}\"}}")
    };
    let place = format!("{{\"displayName\":{{\"text\":\"no use of key={key}\"}},\"id\":\"x\"}}");
    vec![
        ("google", "400 Bad Request", new_error(400)),
        ("google", "403 Forbidden", new_error(403)),
        ("google", "429 Too Many Requests", new_error(429)),
        ("google", "500 Internal Server Error", new_error(500)),
        ("google", "503 Service Unavailable", new_error(503)),
        ("google", "200 OK", format!("{{\"places\":[{place}]}}")),
        ("google-legacy", "200 OK", legacy("REQUEST_DENIED")),
        ("google-legacy", "200 OK", legacy("UNKNOWN_ERROR")),
        (
            "google-legacy",
            "200 OK",
            format!("{{\"results\":[{{\"name\":\"no use of key={key}\"}}],\"status\":\"OK\"}}"),
        ),
    ]
}

/// A node's answer to one question, and its log.
fn asked(test: &str, provider: &str, upstream: &Upstream) -> [String; 2] {
    let (node, log) = node(test, "places_retry = \"1ms\"", provider, &upstream.url);
    node.ask(IAMAT.as_bytes());
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    [told, whole_log(node, &log)]
}

#[test]
fn the_key_is_in_no_answer_and_no_log_however_the_service_repeats_it() {
    for (form, left) in forms() {
        for (provider, status, body) in answers(&form) {
            let case = format!("{provider}, {status}, {form}");
            let upstream = Upstream::start({
                let status = format!("{status}\r\nX-Key: {CANARY}\r\nLocation: /?key={CANARY}");
                move |stream| reply(stream, &status, &body)
            });
            let [told, log] = asked("key", provider, &upstream);
            assert!(told.contains(&format!("no use of key={left}\"")), "{case}: {told}");
            for written in [&told, &log] {
                assert!(!written.contains(&CANARY[..8]) && !written.contains(&form), "{case}: {written}");
            }
        }
    }
}

#[test]
fn a_result_that_holds_the_key_keeps_every_other_byte() {
    let body = |key: &str| {
        format!("{{\n  \"status\":\"OK\" ,\"results\":[ {{\"a\\u0041\\/%41\": \"x?key={key}&y\"}}]}}")
    };
    let sent = body(CANARY);
    let upstream = Upstream::start(move |stream| reply(stream, "200 OK", &sent));
    let [told, _] = asked("key-bytes", "google-legacy", &upstream);
    let (_, json) = told.split_once('\n').unwrap();
    assert_eq!(json, body("***") + "\n\n");
}

#[test]
fn what_the_service_says_is_cut_in_the_log() {
    let message = "x".repeat(900_000);
    let body = format!("{{\"error\":{{\"code\":500,\"message\":\"{message}\"}}}}");
    let upstream = Upstream::start(move |stream| reply(stream, "500 Internal Server Error", &body));
    let [_, log] = asked("key-long", "google", &upstream);
    let longest = log.lines().map(|line| line.matches('x').count()).max();
    assert!(log.contains("places request failed") && longest <= Some(305), "{longest:?}");
}

#[test]
fn the_status_and_the_metrics_do_not_hold_the_key() {
    let body = format!("{{\"status\":\"{CANARY}\",\"results\":[]}}");
    let upstream = Upstream::start(move |stream| reply(stream, "200 OK", &body));
    let node = Node::start_with("key-status", "", |command| {
        command.args(["--places", "google-legacy", "--places-url", &upstream.url]);
        command.args(["--admin-address", "127.0.0.1:0"]).env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    assert!(node.ask(b"WHATSAT kiwi 1 5\n").contains("\"status\":\"***\""));
    for path in ["/status", "/metrics", "/readyz"] {
        assert!(!get(&node, path).1.contains(CANARY), "{path}");
    }
}

#[test]
fn places_check_does_not_say_the_key() {
    for (provider, status, body) in answers(CANARY) {
        let upstream = Upstream::start(move |stream| reply(stream, status, &body));
        let mut check = herd("places-check-key");
        check.args(["places-check", "--places", provider, "--places-url", &upstream.url]);
        let output = check.env("HERD_PLACES_KEY", CANARY).output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(told.contains("no use of key=***"), "{provider}, {status}: {told}");
        assert!(!told.contains(&CANARY[..8]), "{provider}, {status}: {told}");
    }
}
