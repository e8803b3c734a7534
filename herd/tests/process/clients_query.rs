//! The clients that a node knows, asked for on the admin port.

use serde_json::{Value, json};

use crate::admin::get;
use crate::events::start;
use crate::support::{IAMAT, Node};

/// A page of clients.
fn page(node: &Node, query: &str) -> Value {
    let (head, body) = get(node, &format!("/clients?{query}"));
    assert_eq!(head, "HTTP/1.0 200 OK", "{query}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The ids of a page's clients.
fn ids(page: &Value) -> Vec<&str> {
    page["clients"].as_array().unwrap().iter().map(|client| client["client"].as_str().unwrap()).collect()
}

/// The rest of a query that asks for the page after this one.
fn after(page: &Value) -> String {
    format!("&after={}", page["next"].as_str().expect("another page"))
}

#[test]
fn a_client_is_told_with_its_line_and_what_that_says() {
    let node = start("clients-line", "");
    let answer = node.ask(IAMAT.as_bytes());
    let line = answer.trim_end();
    let skew = line.split(' ').nth(2).unwrap();
    let expected = json!({
        "client": "kiwi", "latitude": 34.06893, "longitude": -118.445127, "origin": "Alford",
        "time": "1520023934.918963997", "skew": skew, "line": line,
    });
    assert_eq!(page(&node, ""), json!({ "known": 1, "clients": [expected], "next": null }));
    assert_eq!(page(&node, "prefix=kiwis"), json!({ "known": 1, "clients": [], "next": null }));
}

#[test]
fn pages_are_complete_and_stay_so_while_clients_are_added() {
    let node = start("clients-pages", "");
    let reports =
        |of: &str| (0..600).map(|client| format!("IAMAT {of}-{client} +1+1 1\n")).collect::<String>();
    node.ask((reports("old") + &reports("other")).as_bytes());
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = page(&node, &format!("prefix=ol%64&limit=100{cursor}"));
        found.extend(ids(&page).into_iter().map(str::to_owned));
        if page["next"].is_null() {
            break;
        }
        cursor = after(&page);
        // Later reports of the same clients, and another client, which comes last.
        let added = format!("IAMAT old-new-{} +1+1 1\n", found.len());
        node.ask((reports("old").replace(" 1\n", " 2\n") + &added).as_bytes());
    }
    let expected = (0..600).map(|client| format!("old-{client}"));
    let added = (1..=6).map(|page| format!("old-new-{}", page * 100));
    assert_eq!(found, expected.chain(added).collect::<Vec<_>>());
}

#[test]
fn ids_are_bytes_and_a_prefix_may_end_within_a_character() {
    let node = start("clients-bytes", "");
    node.ask("IAMAT caf\u{e9} +1+1 1\nIAMAT caf\u{eb} +1+1 1\nIAMAT a+b +1+1 1\n".as_bytes());
    assert_eq!(ids(&page(&node, "prefix=caf%C3")), [r"caf\xc3\xa9", r"caf\xc3\xab"]);
    assert_eq!(ids(&page(&node, "prefix=caf%C3%A9")), [r"caf\xc3\xa9"]);
    assert_eq!(ids(&page(&node, "prefix=a%2B")), ["a+b"]);
    assert_eq!(ids(&page(&node, "prefix=a+")), Vec::<&str>::new());
}

#[test]
fn the_nearest_come_first_and_no_farther_than_asked_for() {
    let node = start("clients-near", "");
    let reports: String =
        (0..400).map(|step| format!("IAMAT at-{step} +0+{}.{:02} 1\n", step / 100, step % 100)).collect();
    node.ask((reports + "IAMAT west +0-0.005 1\nIAMAT pole +90+0 1\nIAMAT far -0.5-179.99 1\n").as_bytes());
    let first = page(&node, "near=0,0&km=200&limit=3");
    assert_eq!(ids(&first), ["at-0", "west", "at-1"]);
    assert_eq!(first["known"], 403);
    let second = page(&node, &format!("near=0,0&km=200&limit=10000{}", after(&first)));
    // A degree has 111.195 km.
    assert_eq!(ids(&second), (2..180).map(|step| format!("at-{step}")).collect::<Vec<_>>());
    let km: Vec<f64> =
        second["clients"].as_array().unwrap().iter().map(|client| client["km"].as_f64().unwrap()).collect();
    assert!(km.is_sorted() && (km[98] - 111.195).abs() < 0.001, "{km:?}");
    assert!(second["next"].is_null());
    assert_eq!(ids(&page(&node, "near=-0.5,179.99&km=10")), ["far"], "across the meridian");
    assert_eq!(ids(&page(&node, "near=90,-123&km=0")), ["pole"], "a pole has every longitude");
    assert_eq!(ids(&page(&node, "near=0,0&limit=10000")).len(), 403);
}

#[test]
fn a_wrong_question_is_told_what_was_expected() {
    let node = start("clients-wrong", "");
    for (query, expected) in [
        ("limit=0", "limit: expected a whole number from 1 to 10000, got `0`\n"),
        ("limit=10001", "limit: expected a whole number from 1 to 10000, got `10001`\n"),
        (
            "near=NaN,1",
            "near: expected LATITUDE,LONGITUDE in degrees, from -90 to 90 and from -180 to 180, got `NaN,1`\n",
        ),
        ("near=1,1&prefix=k", "expected either `prefix` or `near`, not both\n"),
        ("name=k", "expected only prefix, near, km, after and limit, got `name`\n"),
        (
            "after=0-0",
            "after: expected `next` of an earlier page of the same search, from this node since its start, got `0-0`\n",
        ),
    ] {
        let answer = get(&node, &format!("/clients?{query}"));
        assert_eq!(answer, ("HTTP/1.0 400 Bad Request".to_owned(), expected.to_owned()), "{query}");
    }
}

#[test]
fn many_questions_at_once_are_all_answered() {
    let node = start("clients-many", "");
    node.ask(IAMAT.as_bytes());
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert_eq!(ids(&page(&node, "near=0,0")), ["kiwi"]));
        }
    });
}
