mod addresses;
mod shards;

use super::*;

pub(super) const PAIR: &str = r#"
name = "pair"
[[node]]
name = "A"
client = "127.0.0.1:1"
link = "127.0.0.1:2"
neighbours = ["B"]
[[node]]
name = "B"
client = "127.0.0.1:3"
link = "127.0.0.1:4"
neighbours = ["A"]
"#;

/// The problems of the pair after a change, as `line: message`.
pub(super) fn problems(from: &str, to: &str) -> Vec<String> {
    let text = PAIR.replacen(from, to, 1);
    assert_ne!(text, PAIR);
    let ConfigError(problems) = Herd::parse(&text, "h").unwrap_err();
    problems.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
}

#[test]
fn the_built_in_herd_is_the_five_of_2015() {
    let herd = Herd::built_in().unwrap();
    let names: Vec<&str> = herd.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["Alford", "Bolden", "Hamilton", "Parker", "Powell"]);
    assert_eq!(herd.warnings(), [""; 0]);
}

#[test]
fn a_herd_survives_being_written_and_read() {
    let herd = Herd::parse(PAIR, "h").unwrap();
    assert_eq!(Herd::parse(&herd.to_string(), "h").unwrap(), herd);
}

#[test]
fn each_problem_is_told_with_its_line() {
    for (from, to, expected) in [
        (r#"["B"]"#, r#"["B", "C"]"#, "7: A names C as a neighbour, and no [[node]] has that name"),
        (r#"["B"]"#, r#"["A", "B"]"#, "7: A names itself as a neighbour"),
        (r#"["B"]"#, r#"["B", "B"]"#, "7: A names B as a neighbour twice"),
        (
            r#"["A"]"#,
            "[]",
            "7: A names B as a neighbour, but B does not name A: add it there, or remove it here",
        ),
        ("0.1:4", "0.1:1", "11: the address 127.0.0.1:1 is taken by line 5"),
        (
            "127.0.0.1:3",
            "nowhere",
            "10: `nowhere` is not an address: write an IP address or a DNS name, and a port, such as \"127.0.0.1:12580\" or \"alford.example:12580\"",
        ),
        (
            "127.0.0.1:3",
            "nowhere:3",
            "10: a node cannot listen on the host name `nowhere:3`: use an IP address, such as 127.0.0.1 or 0.0.0.0, and put a name that neighbours dial into `advertise`",
        ),
        (
            "client = \"127.0.0.1:3\"\n",
            "",
            "8: this [[node]] has no `client`: add one, such as client = \"127.0.0.1:12480\"",
        ),
        ("client = \"127.0.0.1:3", "client = \"0.0.0.0:1", "10: the address 0.0.0.0:1 is taken by line 5"),
        (
            "client = \"127.0.0.1:1",
            "client = \"[0:0::0:0]:2",
            "6: the address 127.0.0.1:2 is taken by line 5",
        ),
        (
            "client = \"127.0.0.1:3",
            "client = \"[::ffff:127.0.0.1]:1",
            "10: the address [::ffff:127.0.0.1]:1 is taken by line 5",
        ),
        (
            "client = \"127.0.0.1:3",
            "client = \"127.0.0.1:4",
            "11: the address 127.0.0.1:4 is taken by line 10",
        ),
        (
            "127.0.0.1:3",
            "239.1.2.3:3",
            "10: no node can listen on 239.1.2.3:3, a multicast address: name an address of the node's machine",
        ),
        (
            "127.0.0.1:4",
            "[ff02::1]:4",
            "11: no node can listen on [ff02::1]:4, a multicast address: name an address of the node's machine",
        ),
        (
            "127.0.0.1:4",
            "255.255.255.255:4",
            "11: no node can listen on 255.255.255.255:4, the broadcast address: name an address of the node's machine",
        ),
        (
            "127.0.0.1:2",
            "127.0.0.1:0",
            "6: neighbours cannot dial 127.0.0.1:0, since port 0 is any free port: name a port",
        ),
    ] {
        assert_eq!(problems(from, to), [expected], "{to}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let found = problems(
        "127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\nneighbours = [\"B\"]",
        "x\"\nlink = \"y\"\nneighbours = [\"C\"]",
    );
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn names_that_are_folders_name_no_node() {
    for name in [".", ".."] {
        let found = problems("name = \"A\"", &format!("name = \"{name}\""));
        assert!(found[0].starts_with(&format!("4: `{name}` is not a node name: ")), "{found:?}");
    }
    for name in ["...", ".a", "a..b"] {
        let renamed = PAIR.replace("\"A\"", &format!("\"{name}\""));
        assert!(Herd::parse(&renamed, "h").is_ok(), "{name}");
    }
}

#[test]
fn two_nodes_of_one_name_are_told_apart_by_line() {
    let found = problems("name = \"B\"", "name = \"A\"");
    assert!(found.contains(&"9: the name A is taken by line 4".to_owned()), "{found:?}");
}

#[test]
fn unknown_keys_and_wrong_durations_are_refused() {
    for (table, expected) in [
        ("[limits]\nline_byte = 1\n", "[limits] has no key `line_byte`: did you mean `line_bytes`?"),
        ("[limits]\nlinger = \"soon\"\n", "`soon` is not a duration"),
        ("[limits]\nmax_future_skew = \"24\"\n", "`24` is not a duration"),
        ("[limits]\nidle_client = \"101y\"\n", "at most 100 years"),
        ("[limits]\nheartbeat = \"0s\"\n", "this bound cannot be 0"),
        ("[limits]\nwhatsat_upstream = 0\n", "this bound cannot be 0"),
        ("[limits]\nplaces_per_day = 0\n", "this bound cannot be 0"),
        ("[limits]\nplaces_per_minute = \"of\"\n", "or \"off\""),
        ("[limits]\nplaces_address_percent = 101\n", "a percentage from 1 to 100"),
        ("[limits]\nheartbeat = \"3s\"\n", "heartbeat must be shorter than link_silence"),
        ("[limits]\nlink_line_bytes = 100\n", "link_line_bytes must be at least 4200"),
        ("[limits]\nredial_first = \"2s\"\n", "redial_first must not be longer than redial_longest"),
    ] {
        let ConfigError(problems) = Herd::parse(&format!("{PAIR}{table}"), "h").unwrap_err();
        assert!(problems[0].message.contains(expected) && problems[0].line > 12, "{problems:?}");
    }
}

#[test]
fn limits_are_read_by_their_names() {
    let table = "[limits]\nmax_future_skew = \"off\"\nline_bytes = 100\nlinger = \"1s 500ms\"\n\
        places_per_minute = \"off\"\nplaces_per_day = 7\n";
    let limits = Herd::parse(&format!("{PAIR}{table}"), "h").unwrap().limits;
    let linger = std::time::Duration::from_millis(1500);
    let expected = Limits {
        max_future_skew: None,
        line_bytes: 100,
        linger,
        places_per_minute: None,
        places_per_day: Some(7),
        ..Limits::default()
    };
    assert_eq!(limits, expected);
}

#[test]
fn parts_that_no_path_connects_are_a_warning() {
    let apart = PAIR.replace(r#"["A"]"#, "[]").replace(r#"["B"]"#, "[]");
    let warnings = Herd::parse(&apart, "h").unwrap().warnings();
    assert_eq!(warnings, ["A is not connected to B: updates will not reach them"]);
}
