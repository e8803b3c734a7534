//! The rules: their names, their classes, and what must hold. The names are an interface: scripts
//! and graders rely on them, so a name never changes its meaning.

use crate::conformance::verdict::Class::{self, Beyond, Flooding, Places, Protocol, Robust};

/// One rule of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The rule's name.
    pub name: &'static str,
    /// The rule's class.
    pub class: Class,
    /// What must hold, in a sentence or two.
    pub text: &'static str,
}

/// Every rule, in the order in which they are judged and reported.
pub const RULES: &[Rule] = &[
    rule("starts", Protocol, "Every node accepts connections within the time that the guest file allows."),
    rule("no-banner", Protocol, "A node sends nothing before the client has sent a command."),
    rule(
        "iamat-answer",
        Protocol,
        "IAMAT is answered with `AT <node> <skew> <id> <location> <time>`: single spaces between the \
         fields, and the node that was asked.",
    ),
    rule(
        "iamat-skew",
        Protocol,
        "The skew is the node's time of receipt minus the client's time, in seconds.",
    ),
    rule(
        "iamat-future-skew",
        Protocol,
        "The skew has one sign: `-` if the client's time is ahead of the clock, `+` if it is behind.",
    ),
    rule(
        "iamat-copies-fields",
        Protocol,
        "The id, the location and the time in the answer are the client's own bytes, with trailing \
         zeros and all nine decimals.",
    ),
    rule("iamat-range", Beyond, "A latitude beyond 90 or a longitude beyond 180 makes the command invalid."),
    rule(
        "iamat-invalid",
        Protocol,
        "An IAMAT with a wrong number of operands, a location without signs or with letters, or a time \
         that is not a number is an invalid command, and each is answered.",
    ),
    rule(
        "iamat-strict",
        Beyond,
        "`nan`, `inf`, exponents, a negative time and half a location make the command invalid.",
    ),
    rule(
        "latest-wins",
        Protocol,
        "At one node, the report with the later time counts, and times are compared as numbers. An older \
         report is answered and changes nothing.",
    ),
    rule(
        "whatsat-answer",
        Protocol,
        "The first line of the answer to WHATSAT is the stored AT line, with the node and the skew of \
         the report.",
    ),
    rule("whatsat-unknown", Protocol, "WHATSAT for a client that the herd has not heard of is invalid."),
    rule(
        "whatsat-bounds",
        Protocol,
        "A radius over 50 and a bound over 20 are invalid; 50 and 20 are valid.",
    ),
    rule(
        "whatsat-invalid",
        Protocol,
        "A negative, non-numeric or missing operand makes WHATSAT invalid, and each is answered.",
    ),
    rule("invalid-copy", Protocol, "An invalid command is answered with `? ` and a copy of the command."),
    rule("invalid-empty", Robust, "An empty line is answered, and harms nothing."),
    rule("answer-newline", Protocol, "Every answer ends with a newline."),
    rule(
        "answers-before-eof",
        Protocol,
        "A command is answered while the client keeps its sending side open.",
    ),
    rule("lf", Protocol, "A command may end with LF alone."),
    rule("crlf", Protocol, "A command may end with CR LF, as telnet sends it."),
    rule("stays-open", Protocol, "A second command on the same connection is answered."),
    rule("pipelined", Protocol, "Two commands in one segment are two commands: both are answered, in order."),
    rule("split-command", Protocol, "A command that arrives in several segments is one command."),
    rule(
        "half-close",
        Protocol,
        "A command that arrives together with the end of the client's sending is answered, with or \
         without a final newline.",
    ),
    rule("order", Protocol, "A hundred pipelined commands of several kinds are answered in order."),
    rule("forged-at", Beyond, "An AT line from a client is an invalid command and changes no location."),
    rule(
        "flood-all",
        Flooding,
        "A report at any node is known at every node within the time allowed, over several hops.",
    ),
    rule("flood-identical", Flooding, "The AT line of a client is the same, byte for byte, at every node."),
    rule(
        "flood-latest-wins",
        Flooding,
        "Of two reports at different nodes, the one with the later time wins at every node, in either \
         order of arrival.",
    ),
    rule(
        "flood-converges",
        Flooding,
        "After reports of one client at all nodes at once, in mixed order, all nodes agree.",
    ),
    rule("flood-ends", Flooding, "When clients are silent, the herd becomes silent."),
    rule(
        "flood-around-dead",
        Flooding,
        "After one node is killed, its neighbours go on, and updates still reach every node that is \
         connected.",
    ),
    rule(
        "recover-reconnect",
        Flooding,
        "A killed node that is started again is back in the flood within 10 seconds, both ways.",
    ),
    rule(
        "recover-restarted",
        Beyond,
        "A killed node that is started again learns the reports that it missed.",
    ),
    rule(
        "places-radius",
        Places,
        "The Places service is asked in metres, at the client's location, with the key.",
    ),
    rule("places-bound", Places, "At most as many results are passed on as the client asked for."),
    rule("places-bytes", Places, "The JSON of the Places service is passed on with equal content."),
    rule("places-bytes-exact", Beyond, "The JSON of the Places service is passed on byte for byte."),
    rule(
        "places-framing",
        Places,
        "The answer is the AT line, a newline, the JSON and exactly two newlines, and runs of newlines \
         within the JSON are made one.",
    ),
    rule(
        "places-concurrent",
        Places,
        "While one client waits for the Places service, other clients are answered.",
    ),
    rule(
        "places-errors",
        Places,
        "If the Places service refuses, fails or never answers, the client gets something within 15 \
         seconds, and the node lives.",
    ),
    rule(
        "places-not-flooded",
        Places,
        "One question at one node asks the Places service once, and other nodes ask nothing.",
    ),
    rule(
        "robust-survives",
        Robust,
        "After lines of 64 KiB, NULs, invalid UTF-8, 1,000 connections and resets, every node answers.",
    ),
    rule("robust-slow-reader", Robust, "A client that does not read its answers harms no other."),
    rule("stops", Robust, "SIGTERM ends a node within 5 seconds, and no process is left."),
];

const fn rule(name: &'static str, class: Class, text: &'static str) -> Rule {
    Rule { name, class, text }
}

/// Returns the rule called `name`.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
