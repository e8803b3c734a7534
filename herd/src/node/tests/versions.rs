//! Links with nodes that speak another version of the link language.

use super::*;

const HELLO: &str = "0000000000000001 0000000000000001";

/// Gives a link lines of Parker, and returns what it writes in turn.
fn converse(alford: &mut Node, link: &mut Link, lines: &[&str]) -> String {
    let mut out = Vec::new();
    for line in lines {
        link.transmit(alford, START, NOW, &mut out).unwrap();
        link.receive(alford, line.as_bytes(), START, NOW).unwrap();
    }
    link.transmit(alford, START, NOW, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_node_that_dials_with_the_former_version_is_answered_in_it() {
    let mut alford = node("Alford", &["Parker", "Bolden"]);
    let mut link = Link::accepted(LinkId(1), START);
    let lines = [&format!("HELLO 5 Parker {HELLO}"), "CURSOR 0000000000000000 0", "UPTO 0", "SYNCED"];
    let out = converse(&mut alford, &mut link, &lines);
    assert!(out.starts_with("HELLO 5 Alford ") && link.is_complete(), "{out}");
    let has = link.receive(&mut alford, b"HAVE 3", START, NOW);
    assert_eq!(has, Err(LinkEnd::Framing("HAVE 3".to_owned())));
}

#[test]
fn a_node_of_the_former_version_hears_no_line_that_it_does_not_know() {
    let mut alford = node("Alford", &["Parker", "Bolden"]);
    let mut old = Link::accepted(LinkId(1), START);
    let mut new = Link::accepted(LinkId(2), START);
    let hello = |version, name| format!("HELLO {version} {name} {HELLO}");
    let rest = ["CURSOR 0000000000000000 0", "UPTO 0", "SYNCED"];
    converse(&mut alford, &mut old, &[&[&*hello(5, "Parker")], &rest[..]].concat());
    converse(&mut alford, &mut new, &[&[&*hello(6, "Bolden")], &rest[..]].concat());
    let update = "AT Bolden +0.000000000 kiwi +1+1 1";
    converse(&mut alford, &mut new, &[update]);
    // The same update from both: Alford would prune a neighbour that understands it.
    assert_eq!(converse(&mut alford, &mut old, &[update]), format!("{update}\nUPTO 1\n"));
}

#[test]
fn a_node_that_answers_in_the_former_version_is_dialled_again_with_it() {
    let mut alford = node("Alford", &["Parker"]);
    let parker = alford.neighbour("Parker").unwrap();
    let dial = |alford: &mut Node, id| {
        let mut link = Link::dialled(LinkId(id), parker, START);
        let mut out = Vec::new();
        link.transmit(alford, START, NOW, &mut out).unwrap();
        (link, String::from_utf8(out).unwrap())
    };
    let hello = format!("HELLO 5 Parker {HELLO}");
    let (mut link, out) = dial(&mut alford, 1);
    assert!(out.starts_with("HELLO 7 "), "{out}");
    assert_eq!(link.receive(&mut alford, hello.as_bytes(), START, NOW), Err(LinkEnd::OlderVersion(5)));
    let (mut link, out) = dial(&mut alford, 2);
    assert!(out.starts_with("HELLO 5 "), "{out}");
    converse(&mut alford, &mut link, &[&hello, "CURSOR 0000000000000000 0"]);
    assert!(link.is_complete());
    let (_, out) = dial(&mut alford, 3);
    assert!(out.starts_with("HELLO 7 "), "the neighbour may have been upgraded: {out}");
}

#[test]
fn a_node_of_a_later_version_learns_which_version_to_speak() {
    let mut alford = node("Alford", &["Parker"]);
    let mut link = Link::accepted(LinkId(1), START);
    let end = link.receive(&mut alford, b"HELLO 8 Parker and whatever follows", START, NOW).unwrap_err();
    assert_eq!(end, LinkEnd::Version(8));
    let mut out = Vec::new();
    link.close(&mut alford, &end, &mut out);
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("HELLO 7 Alford ") && out.contains("BYE speaks version 8"), "{out}");
}
