//! The rules: their names, their classes, and what must hold. The names are an interface: scripts
//! and graders rely on them, so a name never changes its meaning.

mod connection;
mod flood;
mod iamat;
mod places;
mod recover;
mod robust;
mod whatsat;

use crate::conformance::case::{Case, Judged};
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
    /// Whether a failure may come from a machine that was busy, so that it is repeated twice.
    pub timed: bool,
    /// Whether the herd is of no use to other rules afterwards.
    pub harms: bool,
    /// Judges a herd by the rule.
    pub judge: fn(&mut Case<'_>) -> Judged,
}

/// Every rule, in the order in which they are judged and reported.
pub const RULES: &[Rule] = &[
    rule(
        "starts",
        Protocol,
        "Every node accepts connections within the time that the guest file allows.",
        connection::starts,
    ),
    rule(
        "no-banner",
        Protocol,
        "A node sends nothing before the client has sent a command.",
        connection::no_banner,
    ),
    rule(
        "iamat-answer",
        Protocol,
        "IAMAT is answered with `AT <node> <skew> <id> <location> <time>`: single spaces between the \
         fields, and the node that was asked.",
        iamat::answer,
    ),
    rule(
        "iamat-skew",
        Protocol,
        "The skew is the node's time of receipt minus the client's time, in seconds.",
        iamat::skew,
    )
    .timed(),
    rule(
        "iamat-future-skew",
        Protocol,
        "The skew has one sign: `-` if the client's time is ahead of the clock, `+` if it is behind.",
        iamat::future_skew,
    ),
    rule(
        "iamat-copies-fields",
        Protocol,
        "The id, the location and the time in the answer are the client's own bytes, with trailing \
         zeros and all nine decimals.",
        iamat::copies_fields,
    ),
    rule(
        "iamat-range",
        Beyond,
        "A latitude beyond 90 or a longitude beyond 180 makes the command invalid.",
        iamat::range,
    ),
    rule(
        "iamat-invalid",
        Protocol,
        "An IAMAT with a wrong number of operands, a location without signs or with letters, or a time \
         that is not a number is an invalid command, and each is answered.",
        iamat::invalid,
    ),
    rule(
        "iamat-strict",
        Beyond,
        "`nan`, `inf`, exponents, a negative time and half a location make the command invalid.",
        iamat::strict,
    )
    .harms(),
    rule(
        "latest-wins",
        Protocol,
        "At one node, the report with the later time counts, and times are compared as numbers. An older \
         report is answered and changes nothing.",
        whatsat::latest_wins,
    ),
    rule(
        "whatsat-answer",
        Protocol,
        "The first line of the answer to WHATSAT is the stored AT line, with the node and the skew of \
         the report.",
        whatsat::answer,
    ),
    rule(
        "whatsat-unknown",
        Protocol,
        "WHATSAT for a client that the herd has not heard of is invalid.",
        whatsat::unknown,
    ),
    rule(
        "whatsat-bounds",
        Protocol,
        "A radius over 50 and a bound over 20 are invalid; 50 and 20 are valid.",
        whatsat::bounds,
    ),
    rule(
        "whatsat-invalid",
        Protocol,
        "A negative, non-numeric or missing operand makes WHATSAT invalid, and each is answered.",
        whatsat::invalid,
    ),
    rule(
        "invalid-copy",
        Protocol,
        "An invalid command is answered with `? ` and a copy of the command.",
        whatsat::copy,
    ),
    rule("invalid-empty", Robust, "An empty line is answered, and harms nothing.", whatsat::empty),
    rule("answer-newline", Protocol, "Every answer ends with a newline.", connection::answer_newline),
    rule(
        "answers-before-eof",
        Protocol,
        "A command is answered while the client keeps its sending side open.",
        connection::answers_before_eof,
    ),
    rule("lf", Protocol, "A command may end with LF alone.", connection::lf),
    rule("crlf", Protocol, "A command may end with CR LF, as telnet sends it.", connection::crlf),
    rule(
        "stays-open",
        Protocol,
        "A second command on the same connection is answered.",
        connection::stays_open,
    ),
    rule(
        "pipelined",
        Protocol,
        "Two commands in one segment are two commands: both are answered, in order.",
        connection::pipelined,
    ),
    rule(
        "split-command",
        Protocol,
        "A command that arrives in several segments is one command.",
        connection::split,
    ),
    rule(
        "half-close",
        Protocol,
        "A command that arrives together with the end of the client's sending is answered, with or \
         without a final newline.",
        connection::half_close,
    ),
    rule(
        "order",
        Protocol,
        "A hundred pipelined commands of several kinds are answered in order.",
        connection::order,
    ),
    rule(
        "forged-at",
        Beyond,
        "An AT line from a client is an invalid command and changes no location.",
        connection::forged_at,
    ),
    rule(
        "flood-all",
        Flooding,
        "A report at any node is known at every node within the time allowed, over several hops.",
        flood::all,
    )
    .timed(),
    rule(
        "flood-identical",
        Flooding,
        "The AT line of a client is the same, byte for byte, at every node.",
        flood::identical,
    )
    .timed(),
    rule(
        "flood-latest-wins",
        Flooding,
        "Of two reports at different nodes, the one with the later time wins at every node, in either \
         order of arrival.",
        flood::latest_wins,
    )
    .timed(),
    rule(
        "flood-converges",
        Flooding,
        "After reports of one client at all nodes at once, in mixed order, all nodes agree.",
        flood::converges,
    )
    .timed(),
    rule(
        "flood-ties",
        Beyond,
        "After reports of one client with the same time at all nodes, all nodes agree.",
        flood::ties,
    )
    .timed(),
    rule("flood-ends", Flooding, "When clients are silent, the herd becomes silent.", flood::ends)
        .timed()
        .harms(),
    rule(
        "flood-around-dead",
        Flooding,
        "After one node is killed, its neighbours go on, and updates still reach every node that is \
         connected.",
        recover::around_dead,
    )
    .timed()
    .harms(),
    rule(
        "recover-reconnect",
        Flooding,
        "A killed node that is started again is back in the flood within 10 seconds, both ways.",
        recover::reconnect,
    )
    .timed()
    .harms(),
    rule(
        "recover-restarted",
        Beyond,
        "A killed node that is started again learns the reports that it missed.",
        recover::restarted,
    )
    .timed()
    .harms(),
    rule(
        "places-radius",
        Places,
        "The Places service is asked in metres, at the client's location, with the key.",
        places::radius,
    ),
    rule(
        "places-bound",
        Places,
        "At most as many results are passed on as the client asked for.",
        places::bound,
    ),
    rule(
        "places-bytes",
        Places,
        "The JSON of the Places service is passed on with equal content.",
        places::bytes,
    ),
    rule(
        "places-bytes-exact",
        Beyond,
        "The JSON of the Places service is passed on byte for byte.",
        places::exact_bytes,
    ),
    rule(
        "places-framing",
        Places,
        "The answer is the AT line, a newline, the JSON and exactly two newlines, and runs of newlines \
         within the JSON are made one.",
        places::framing,
    ),
    rule(
        "places-concurrent",
        Places,
        "While one client waits for the Places service, other clients are answered.",
        places::concurrent,
    )
    .timed(),
    rule(
        "places-errors",
        Places,
        "If the Places service refuses, fails or never answers, the client gets something within 15 \
         seconds, and the node lives.",
        places::errors,
    )
    .harms(),
    rule(
        "places-not-flooded",
        Places,
        "One question at one node asks the Places service once, and other nodes ask nothing.",
        places::not_flooded,
    ),
    rule(
        "robust-survives",
        Robust,
        "After lines of 64 KiB, NULs, invalid UTF-8, 1,000 connections and resets, every node answers.",
        robust::survives,
    )
    .timed()
    .harms(),
    rule(
        "robust-slow-reader",
        Robust,
        "A client that does not read its answers harms no other.",
        robust::slow_reader,
    )
    .timed()
    .harms(),
    rule("stops", Robust, "SIGTERM ends a node within 5 seconds, and no process is left.", robust::stops)
        .timed()
        .harms(),
];

const fn rule(
    name: &'static str,
    class: Class,
    text: &'static str,
    judge: fn(&mut Case<'_>) -> Judged,
) -> Rule {
    Rule { name, class, text, timed: false, harms: false, judge }
}

impl Rule {
    const fn timed(mut self) -> Rule {
        self.timed = true;
        self
    }

    const fn harms(mut self) -> Rule {
        self.harms = true;
        self
    }
}

/// Returns the rule called `name`.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
