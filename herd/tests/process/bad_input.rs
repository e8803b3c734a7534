//! The answers to invalid lines, and to unusual valid ones.

use std::io::{Read, Write};
use std::net::Shutdown;

use fixtures::bad_input::{BadInput, FutureTimes, MOST_SHOWN};

use crate::support::Node;

/// The least number of rows, without the lines for each byte.
const ROWS: usize = 250;

fn each_line_is_answered_as_the_table_has_it(node: &Node, future: FutureTimes) {
    let table = BadInput::read(future).unwrap();
    assert!(table.rows >= ROWS, "{} rows", table.rows);
    let mut wrong = Vec::new();
    for case in &table.cases {
        let mut stream = node.connect();
        stream.write_all(&case.sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        wrong.extend(case.check_answer("Alford", &answer).err());
    }
    let (count, lines) = (wrong.len(), table.cases.len());
    wrong.truncate(MOST_SHOWN);
    assert!(count == 0, "{count} of {lines} lines, such as:\n{}", wrong.join("\n"));
}

#[test]
fn bad_input_is_copied_and_what_is_just_good_is_taken() {
    each_line_is_answered_as_the_table_has_it(&Node::start("bad-input", ""), FutureTimes::Bounded);
}

#[test]
fn a_node_without_a_bound_on_the_future_takes_times_up_to_the_year_9999() {
    let node = Node::start("bad-input-future", "max_future_skew = \"off\"");
    each_line_is_answered_as_the_table_has_it(&node, FutureTimes::Unbounded);
}
