//! The counters of lines that are not commands.

use crate::admin::get;
use crate::support::Node;

#[test]
fn a_line_that_is_too_long_is_counted_by_the_command_that_it_begins_with() {
    let node = Node::start_with("too-long", "line_bytes = 20", |command| {
        command.args(["--admin-address", "127.0.0.1:0"])
    });
    for (line, counted) in
        [("x", "invalid"), ("IAMAT x", "reports_invalid"), ("WHATSAT x", "questions_invalid")]
    {
        let line = format!("{line}{}\n", " y".repeat(20));
        assert!(node.ask(line.as_bytes()).starts_with("? "));
        let status: serde_json::Value = serde_json::from_str(&get(&node, "/status").1).unwrap();
        assert_eq!(status["lines"][counted], 1, "{line}: {status}");
    }
}
