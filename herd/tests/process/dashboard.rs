//! `herd dashboard`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use fixtures::checkout::program;
use serde_json::Value;

use crate::support::{DEADLINE, Node, herd, scratch, wait_until};

/// A dashboard as a process, which is killed when this is dropped.
struct Dashboard {
    process: Child,
    /// The address that it printed, after `http://`.
    address: SocketAddr,
    /// The token in that address.
    token: Option<String>,
    _output: BufReader<ChildStdout>,
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Dashboard {
    /// Starts a dashboard of a herd file with this text.
    fn start(test: &str, herd_file: &str, arguments: &[&str]) -> Dashboard {
        let file = scratch(test).join("herd.toml");
        std::fs::write(&file, herd_file).unwrap();
        let mut process = Command::new(program("herd"))
            .args(["dashboard", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let (_, url) = line.trim().split_once("http://").unwrap();
        let (address, rest) = url.split_once('/').unwrap();
        let token = rest.strip_prefix("?token=").map(str::to_owned);
        Dashboard { process, address: address.parse().unwrap(), token, _output: output }
    }

    /// Sends a request with these headers, and returns the head and the body of the answer.
    fn request(&self, line: &str, headers: &[&str], body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.request(&format!("GET {path}"), &["host: localhost"], "")
    }

    fn json(&self, path: &str, headers: &[&str]) -> Value {
        let (head, body) = self.request(&format!("GET {path}"), headers, "");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The header that a browser sends after it has opened the printed address.
    fn cookie(&self) -> String {
        let (head, _) = self.get(&format!("/?token={}", self.token.as_deref().unwrap()));
        assert!(head.starts_with("HTTP/1.1 303"), "{head}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
        format!("cookie: {}", cookie.split(';').next().unwrap())
    }

    fn post(&self, path: &str, headers: &[&str], body: &str) -> (String, String) {
        self.request(&format!("POST {path}"), headers, body)
    }
}

/// A herd file in which the running `node` has its real addresses.
fn herd_of(node: &Node) -> String {
    format!(
        "name = \"watched\"\n[[node]]\nname = \"Alford\"\nclient = \"{}\"\nlink = \"127.0.0.1:2\"\nadmin = \"{}\"\n",
        node.client,
        node.admin.unwrap()
    )
}

fn node(test: &str) -> Node {
    Node::start_with(test, "", |command| command.args(["--admin-address", "127.0.0.1:0"]))
}

/// A node that has ended, with the addresses that it had.
const DEAD: &str = "name = \"dead\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\nadmin = \"127.0.0.1:3\"\n";

#[test]
fn anyone_may_look_and_only_the_printed_address_lets_a_page_act() {
    let node = node("dashboard-node");
    let dashboard = Dashboard::start("dashboard-acts", &herd_of(&node), &["--allow-actions"]);
    let cookie = dashboard.cookie();
    let host = format!("host: {}", dashboard.address);
    let herd = dashboard.json("/api/herd", &[&host]);
    assert_eq!((&herd["name"], &herd["may_act"]), (&"watched".into(), &false.into()));
    assert!(herd["why_not"].as_str().unwrap().contains("token"), "{herd}");
    assert_eq!(dashboard.json("/api/herd", &[&host, &cookie])["may_act"], true);

    let json = "content-type: application/json";
    let line = r#"{"node":"Alford","line":"IAMAT kiwi +34.1-118.2 1520023934"}"#;
    let other_origin = "origin: http://localhost:3000";
    for (headers, why) in [
        (&[&*host, json][..], "the token"),
        (&[&*host, json, "cookie: herd-dashboard-1=x"], "the token"),
        (&[&*host, &*cookie, "content-type: text/plain"], "expected JSON"),
        (&[&*host, &*cookie, json, other_origin], "expected JSON"),
    ] {
        let (head, body) = dashboard.post("/api/say", headers, line);
        assert!(head.starts_with("HTTP/1.1 403") && body.contains(why), "{headers:?}: {head}\n{body}");
    }
    let own_origin = format!("origin: http://{}", dashboard.address);
    let (head, body) = dashboard.post("/api/say", &[&host, &cookie, json, &own_origin], line);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    let said: Value = serde_json::from_str(&body).unwrap();
    assert!(said["answer"].as_str().unwrap().starts_with("AT Alford +"), "{said}");
    assert!(said["answer"].as_str().unwrap().ends_with(" kiwi +34.1-118.2 1520023934"), "{said}");
    assert!(said["hint"].is_null(), "{said}");
    let wrong = r#"{"node":"Alford","line":"IAMAT kiwi 34.1-118.2 1"}"#;
    let (_, body) = dashboard.post("/api/say", &[&host, &cookie, json, &own_origin], wrong);
    let said: Value = serde_json::from_str(&body).unwrap();
    assert!(said["hint"].as_str().unwrap().starts_with("the location `34.1-118.2`: expected"), "{said}");

    // There is no harness, so nothing can be broken.
    let (head, body) = dashboard.post("/api/nodes/Alford/kill", &[&host, &cookie, json], "{}");
    assert!(head.starts_with("HTTP/1.1 404") && body.contains("herd-up --dashboard"), "{head}\n{body}");
}

#[test]
fn a_wrong_token_is_worth_nothing_and_a_read_only_dashboard_prints_none() {
    let dashboard = Dashboard::start("dashboard-reads", DEAD, &[]);
    assert_eq!(dashboard.token, None);
    let (head, _) = dashboard.get("/?token=0123456789abcdef0123456789abcdef");
    assert!(head.starts_with("HTTP/1.1 303") && !head.contains("set-cookie"), "{head}");
    let json = "content-type: application/json";
    let (head, body) = dashboard.post("/api/say", &["host: localhost", json], "{}");
    assert!(head.starts_with("HTTP/1.1 403") && body.contains("--allow-actions"), "{head}\n{body}");
    let herd = dashboard.json("/api/herd", &["host: localhost"]);
    assert!(herd["why_not"].as_str().unwrap().contains("--allow-actions"), "{herd}");
}

#[test]
fn the_page_is_for_this_machine_and_runs_no_foreign_script() {
    let dashboard = Dashboard::start("dashboard-page", DEAD, &[]);
    let (head, body) = dashboard.get("/");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(body.contains("<title>"), "{body}");
    let (head, _) = dashboard.request("GET /", &["host: evil.example"], "");
    assert!(head.starts_with("HTTP/1.1 421"), "{head}");
    assert!(dashboard.request("HEAD /", &["host: localhost"], "").0.starts_with("HTTP/1.1 200"));
    assert!(dashboard.get("/assets/../Cargo.toml").0.starts_with("HTTP/1.1 404"));
    assert!(dashboard.get("/api/nodes/Nobody/status").0.starts_with("HTTP/1.1 404"));
    assert!(dashboard.post("/", &["host: localhost"], "").0.starts_with("HTTP/1.1 403"));
}

#[test]
fn the_stream_shows_a_node_that_goes_and_the_history_keeps_it() {
    let mut node = node("dashboard-watched");
    let dashboard = Dashboard::start("dashboard-stream", &herd_of(&node), &[]);
    let mut stream = TcpStream::connect(dashboard.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET /api/stream HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut wait_for_state = |wanted: &str| {
        let state = |line: &str| {
            let picture: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
            picture["nodes"][0]["state"].as_str().map(str::to_owned)
        };
        assert!(lines.any(|line| state(&line.unwrap()).as_deref() == Some(wanted)), "{wanted}");
    };
    wait_for_state("ready");
    let status = dashboard.json("/api/nodes/Alford/status", &["host: localhost"]);
    assert_eq!(status["name"], "Alford");
    node.process.kill().unwrap();
    wait_for_state("not answering");
    wait_until("the history tells it", || {
        let history = dashboard.json("/api/history", &["host: localhost"]);
        let mut notices = history["notices"].as_array().unwrap().iter();
        let is_told =
            notices.any(|notice| notice["text"].as_str().unwrap().starts_with("Alford is not answering"));
        is_told && !history["seconds"].as_array().unwrap().is_empty()
    });
    let (head, body) = dashboard.get("/api/nodes/Alford/status");
    assert!(head.starts_with("HTTP/1.1 502") && body.contains("Alford: "), "{head}\n{body}");
}

#[test]
fn what_listens_in_place_of_a_node_cannot_serve_a_page_of_the_dashboard() {
    let impostor = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = impostor.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in impostor.incoming().map_while(Result::ok) {
            // A connection that is closed with unread bytes would be reset.
            let _ = BufReader::new(&stream).lines().map_while(Result::ok).find(String::is_empty);
            let body = "<script src=/api/nodes/Alford/metrics></script>";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            let length = body.len();
            // The dashboard may have given up.
            let _ = write!(&stream, "{head}content-length: {length}\r\n\r\n{body}");
        }
    });
    let file = DEAD.replace("127.0.0.1:3", &admin.to_string());
    let dashboard = Dashboard::start("dashboard-impostor", &file, &[]);
    for (path, kind) in
        [("status", "application/json"), ("clients", "application/json"), ("metrics", "text/plain")]
    {
        let (head, _) = dashboard.get(&format!("/api/nodes/Alford/{path}"));
        assert!(head.contains(&format!("content-type: {kind}")), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    }
    wait_until("the picture has the node", || {
        dashboard.json("/api/picture", &["host: localhost"])["nodes"][0]["state"] == "not answering"
    });
}

#[test]
fn a_dashboard_that_cannot_start_says_why() {
    let file = scratch("dashboard-errors").join("herd.toml");
    std::fs::write(&file, DEAD).unwrap();
    let run = |arguments: &[&str]| {
        let output = herd("dashboard-errors").arg("dashboard").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = run(&[]);
    assert!(code == Some(2) && error.contains("give its nodes an admin port"), "{error}");
    let file = file.to_str().unwrap();
    let (code, error) = run(&["--config", file, "--listen", "0.0.0.0:0"]);
    assert!(code == Some(2) && error.contains("not on loopback"), "{error}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, error) = run(&["--config", file, "--listen", &address]);
    assert!(
        code == Some(2) && error.contains(&format!("cannot listen for browsers on {address}")),
        "{error}"
    );
}
