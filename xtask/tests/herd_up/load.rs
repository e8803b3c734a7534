//! Loads on a herd.

use std::fs;

use herd::tls::{Authority, Hosts};
use serde_json::Value;
use xtask::load::Protocol;

use crate::checkout::Checkout;

/// A short load of an unoptimized generator, whose result is JSON.
const SHORT: [&str; 10] = ["load", "--debug", "--json", "-d", "1", "-c", "4", "-p", "8", "--clients"];

#[test]
fn a_load_on_the_herd_is_answered_and_measured() {
    let checkout = Checkout::new("load");
    checkout.up(&["--nodes", "2"]);
    let node = checkout.nodes()[0]["client"].as_str().unwrap().to_owned();
    for more in [&[][..], &["Node2"], &[node.as_str()], &["--rate", "1000"]] {
        let outcome: Value =
            serde_json::from_str(&checkout.run(&[&SHORT[..], &["20"], more].concat())).unwrap();
        assert_eq!(outcome["load"]["duration_seconds"], 1.0);
        let outcome = &outcome["outcome"];
        assert!(outcome["answers"].as_u64().unwrap() > 0 && outcome["wrong"] == 0, "{outcome}");
        let latency = |name: &str| outcome["latency"][name].as_f64().unwrap();
        assert!(
            latency("p50_us") > 0.0
                && latency("p50_us") <= latency("p99_us")
                && latency("p99_us") <= latency("max_us"),
            "{outcome}"
        );
    }
    let [last, beyond] = [19, 20].map(|client| format!("WHATSAT {} 1 0", Protocol::client_id(client)));
    let known = checkout.run(&["say", "Node1", &last, &beyond]);
    assert!(known.starts_with("AT ") && known.ends_with(&format!("? {beyond}\n")), "{known}");
    assert!(checkout.fail(&["load", "Node3"]).contains("the nodes are Node1, Node2"));
}

#[test]
fn whatsats_are_mixed_in_and_measured_apart() {
    let checkout = Checkout::new("load-whatsats");
    checkout.up(&["--nodes", "2"]);
    for (share, more) in [("25%", &[][..]), ("50%", &["--places", "3", "--rate", "200"])] {
        let arguments = [&SHORT[..], &["20", "--whatsat", share], more].concat();
        let outcome: Value = serde_json::from_str(&checkout.run(&arguments)).unwrap();
        let (load, outcome) = (&outcome["load"], &outcome["outcome"]);
        let (all, asked) =
            (outcome["answers"].as_f64().unwrap(), outcome["whatsats"]["answers"].as_f64().unwrap());
        let wanted = load["whatsats"]["share"].as_f64().unwrap();
        // Each of the four connections may owe one.
        assert!((all * wanted - asked).abs() <= 4.0, "{asked} of {all}");
        assert_eq!((&outcome["wrong"], &outcome["whatsats"]["without_places"]), (&0.into(), &0.into()));
        assert!(outcome["whatsats"]["latency"]["p50_us"].as_f64().unwrap() > 0.0, "{outcome}");
    }
    let known = checkout.run(&["say", "Node1", &format!("WHATSAT {} 1 0", Protocol::client_id(0))]);
    assert!(known.starts_with("AT "), "{known}");
}

#[test]
fn nodes_that_are_slower_than_they_could_be_are_noted_once() {
    let checkout = Checkout::new("load-notes");
    checkout.up(&["--nodes", "2", "--proxy-links"]);
    let note = |arguments: &[&str]| {
        let output = checkout.xtask(&[&SHORT[..], &["20"], arguments].concat());
        assert!(output.status.success());
        let stderr = String::from_utf8(output.stderr).unwrap();
        stderr.lines().filter(|line| line.starts_with("note: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let slower = "note: the nodes are slower than they could be, since they are debug builds";
    let release = "measure nodes of `cargo xtask herd-up --release`";
    assert_eq!(
        note(&[]),
        [format!("{slower}, they log every line and their links go through proxies; {release}")]
    );
    checkout.run(&["herd-logs", "--lines", "off"]);
    let client = checkout.nodes()[0]["client"].as_str().unwrap().to_owned();
    checkout.run(&["herd-pause", "Node2"]);
    let error = checkout.fail(&[&SHORT[..], &["20"]].concat());
    assert!(error.starts_with("error: Node2 is paused: name the nodes to load"), "{error}");
    assert_eq!(note(&[&client]), [format!("{slower} and their links go through proxies; {release}")]);
}

#[test]
fn a_load_speaks_tls_with_nodes_that_serve_clients_over_it() {
    let checkout = Checkout::new("load-tls");
    fs::create_dir_all(&checkout.folder).unwrap();
    let authority = Authority::init(&checkout.folder.join("web")).unwrap();
    let files = authority.add("web", &Hosts::default(), 1, false).unwrap();
    let file = checkout.folder.join("tls.toml");
    let node = "[[node]]\nname = \"A\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\n";
    let clients = format!("[clients]\ncert = {:?}\nkey = {:?}\n", files.cert, files.key);
    fs::write(&file, format!("name = \"tls\"\n{node}{clients}")).unwrap();
    checkout.up(&["--herd", file.to_str().unwrap()]);

    let ca = files.ca.display().to_string();
    let tls = ["20", "--whatsat", "20%", "--tls", "--ca", &ca, "--server-name"];
    let outcome: Value = serde_json::from_str(&checkout.run(&[&SHORT[..], &tls, &["web"]].concat())).unwrap();
    assert!(outcome["outcome"]["answers"].as_u64().unwrap() > 0, "{outcome}");
    assert_eq!(outcome["outcome"]["wrong"], 0);
    let error = checkout.fail(&[&SHORT[..], &tls, &["elsewhere"]].concat());
    assert!(
        error.contains("cannot speak TLS with 127.0.0.1:") && error.contains("not valid for name"),
        "{error}"
    );
    // With much in flight, the node resets the connection.
    let deep = ["load", "--debug", "-d", "1", "-p", "4096", "--clients", "20"];
    for arguments in [&[&SHORT[..], &["20"]].concat(), &deep[..]] {
        let error = checkout.fail(arguments);
        assert!(error.contains("it serves clients over TLS, so use --tls and --ca"), "{error}");
    }
}
