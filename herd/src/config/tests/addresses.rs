//! Addresses that nodes listen on, dial and advertise.

use super::*;

#[test]
fn a_link_on_every_address_of_a_machine_is_refused_however_it_is_written() {
    for address in ["0.0.0.0:4", "[::]:4", "[0:0::0]:4", "[::ffff:0.0.0.0]:4"] {
        let found = problems("127.0.0.1:4", address);
        assert!(found[0].starts_with("11: neighbours cannot dial ") && found.len() == 1, "{found:?}");
    }
}

#[test]
fn nodes_on_several_machines_may_have_the_same_port_on_all_addresses() {
    let machines = PAIR
        .replace("127.0.0.1:1", "0.0.0.0:1")
        .replace("127.0.0.1:3", "0.0.0.0:1")
        .replace("127.0.0.1:2", "10.0.0.1:2")
        .replace("127.0.0.1:4", "10.0.0.2:2");
    Herd::parse(&machines, "h").unwrap();
    for (from, to, line) in [
        ("10.0.0.2:2", "10.0.0.1:3", 10),
        ("10.0.0.2:2", "127.0.0.1:3", 10),
        ("10.0.0.2:2", "10.0.0.1:2", 11),
        ("10.0.0.2:2", "10.0.0.2:1", 11),
    ] {
        let ConfigError(problems) = Herd::parse(&machines.replace(from, to), "h").unwrap_err();
        assert!(problems.iter().any(|found| found.line == line), "{to}: {problems:?}");
    }
}

#[test]
fn clients_of_any_address_and_links_that_nobody_dials_are_fine() {
    let alone = "name = \"one\"\n[[node]]\nname = \"A\"\nclient = \"0.0.0.0:0\"\nlink = \"127.0.0.1:0\"\n";
    Herd::parse(alone, "h").unwrap();
    Herd::parse(&PAIR.replace("127.0.0.1:1", "0.0.0.0:1"), "h").unwrap();
}

/// The pair, with A bound to all addresses and dialled at another.
fn advertising(address: &str) -> String {
    PAIR.replacen(r#"link = "127.0.0.1:2""#, &format!("link = \"0.0.0.0:2\"\nadvertise = \"{address}\""), 1)
}

#[test]
fn a_node_may_be_dialled_at_another_address_than_it_listens_on() {
    for (address, is_loopback) in [("alford.example:9", false), ("localhost:9", true), ("10.0.0.1:9", false)]
    {
        let herd = Herd::parse(&advertising(address), "h").unwrap();
        let [alford, bolden] = &herd.members[..] else { panic!("a pair") };
        assert_eq!(
            (alford.dialled().to_string(), alford.link.to_string().as_str()),
            (address.to_owned(), "0.0.0.0:2")
        );
        assert_eq!(bolden.dialled(), Address::Ip(bolden.link));
        assert!(!alford.is_on_loopback() && bolden.is_on_loopback());
        assert_eq!(alford.dialled().is_loopback(), is_loopback);
        assert_eq!(Herd::parse(&herd.to_string(), "h").unwrap(), herd);
    }
    let any_port = advertising("alford.example:9").replace("0.0.0.0:2", "0.0.0.0:0");
    Herd::parse(&any_port, "h").unwrap();
}

#[test]
fn an_advertised_address_can_be_dialled() {
    for (address, expected) in [
        ("0.0.0.0:9", "7: neighbours cannot dial 0.0.0.0:9, which stands for every address of a machine"),
        ("alford.example:0", "7: neighbours cannot dial alford.example:0, since port 0 is any free port"),
        ("224.0.0.1:9", "7: neighbours cannot dial 224.0.0.1:9, a multicast address"),
        ("alford.example", "7: `alford.example` is not an address"),
        ("127.0.0.1:4", "12: neighbours would dial 127.0.0.1:4 for this node and for that of line 7"),
    ] {
        let ConfigError(problems) = Herd::parse(&advertising(address), "h").unwrap_err();
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        let found = format!("{}: {}", problem.line, problem.message);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn containers_may_all_listen_on_the_same_port() {
    let containers = PAIR
        .replace("127.0.0.1:1\"", "0.0.0.0:1\"")
        .replace("127.0.0.1:3\"", "0.0.0.0:1\"")
        .replace("link = \"127.0.0.1:2\"", "link = \"0.0.0.0:2\"\nadvertise = \"host.example:21\"")
        .replace("link = \"127.0.0.1:4\"", "link = \"0.0.0.0:2\"\nadvertise = \"host.example:22\"");
    Herd::parse(&containers, "h").unwrap();
    let same = containers.replace("example:22", "example:21");
    let ConfigError(problems) = Herd::parse(&same, "h").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let own = containers.replace("client = \"0.0.0.0:1\"", "client = \"0.0.0.0:2\"");
    let ConfigError(problems) = Herd::parse(&own, "h").unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [6, 12], "{problems:?}");
}

/// The pair, with an admin port for each node.
fn administered(alford: &str, bolden: &str) -> String {
    let with = |text: String, link: &str, admin: &str| {
        text.replacen(link, &format!("{link}\nadmin = \"{admin}\""), 1)
    };
    let text = with(PAIR.to_owned(), r#"link = "127.0.0.1:2""#, alford);
    with(text, r#"link = "127.0.0.1:4""#, bolden)
}

#[test]
fn a_node_may_have_an_admin_port() {
    let herd = Herd::parse(&administered("127.0.0.1:5", "[::1]:5"), "h").unwrap();
    let ports = herd.members.iter().map(|member| member.admin.unwrap().to_string());
    assert_eq!(ports.collect::<Vec<_>>(), ["127.0.0.1:5", "[::1]:5"]);
    assert_eq!(Herd::parse(&herd.to_string(), "h").unwrap(), herd);
    assert_eq!(Herd::parse(PAIR, "h").unwrap().members[0].admin, None);
}

#[test]
fn an_admin_port_is_checked_like_the_others() {
    for (admin, expected) in [
        ("127.0.0.1:5", "13: the address 127.0.0.1:5 is taken by line 7"),
        ("127.0.0.1:1", "13: the address 127.0.0.1:1 is taken by line 5"),
        ("127.0.0.1:4", "13: the address 127.0.0.1:4 is taken by line 12"),
        (
            "127.0.0.1:0",
            "13: port 0 is any free port, which would change at each start: name a port for `admin`",
        ),
        (
            "0.0.0.0:6",
            "13: the admin address 0.0.0.0:6 is not on loopback: use an address such as 127.0.0.1:12680",
        ),
        (
            "10.0.0.1:6",
            "13: the admin address 10.0.0.1:6 is not on loopback: use an address such as 127.0.0.1:12680",
        ),
        ("12690", "13: `12690` is not an address: "),
        ("localhost:6", "13: a node cannot listen on the host name `localhost:6`: "),
    ] {
        let ConfigError(problems) = Herd::parse(&administered("127.0.0.1:5", admin), "h").unwrap_err();
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        let found = format!("{}: {}", problem.line, problem.message);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn nodes_on_different_machines_may_use_the_same_loopback_address() {
    let apart = administered("127.0.0.1:5", "127.0.0.1:5").replace("127.0.0.1:2", "10.0.0.1:2");
    Herd::parse(&apart.replace("127.0.0.1:4", "10.0.0.2:4"), "h").unwrap();
    let same_machine = apart.replace("127.0.0.1:4", "10.0.0.1:4");
    let ConfigError(problems) = Herd::parse(&same_machine, "h").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_metrics_port_may_be_on_any_address_of_the_node_and_is_checked_like_the_others() {
    let scraped = |metrics: &str| {
        let link = r#"link = "127.0.0.1:2""#;
        PAIR.replacen(link, &format!("{link}\nmetrics = \"{metrics}\""), 1)
    };
    let herd = Herd::parse(&scraped("0.0.0.0:12780"), "h").unwrap();
    assert_eq!(herd.members[0].metrics.unwrap().to_string(), "0.0.0.0:12780");
    assert_eq!(Herd::parse(&herd.to_string(), "h").unwrap(), herd);
    for (metrics, expected) in [
        ("0.0.0.0:1", "7: the address 0.0.0.0:1 is taken by line 5"),
        (
            "0.0.0.0:0",
            "7: port 0 is any free port, which would change at each start: name a port for `metrics`",
        ),
        ("224.0.0.1:5", "7: no node can listen on 224.0.0.1:5, a multicast address: "),
    ] {
        let ConfigError(problems) = Herd::parse(&scraped(metrics), "h").unwrap_err();
        let found = format!("{}: {}", problems[0].line, problems[0].message);
        assert!(found.starts_with(expected), "{found}");
    }
}
