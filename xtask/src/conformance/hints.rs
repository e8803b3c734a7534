//! Likely causes of failures. What was seen tells them apart, and each says where to look in the
//! program.

/// The skew lacks its `+`.
pub const SIGN_MISSING: &str = "The skew has no sign. Print it with one, as Python's `f\"{skew:+f}\"` does.";
/// The skew has two signs.
pub const SIGN_TWICE: &str =
    "The skew has two signs. A negative number brings its own `-`: add `+` only to one that is not negative.";
/// The skew has the wrong sign.
pub const SKEW_REVERSED: &str =
    "The skew is reversed. It is the node's time minus the client's, not the client's minus the node's.";
/// The skew is 1,000 times or more too large.
pub const SKEW_UNIT: &str = "The skew is in another unit. It is in seconds, as the client's time is.";
/// The skew does not depend on the client's time.
pub const SKEW_OFF: &str =
    "The skew does not fit the clock. Take the time of receipt with time.time(), which counts from 1970.";
/// The fields were parsed and printed again.
pub const FLOATS: &str = "The field was parsed as a number and printed again. Keep the client's text, and use the number only to compare.";
/// The fields are not separated by single spaces.
pub const SPACING: &str = "The fields are not separated by single spaces. Join them with one space each.";
/// The first two fields changed places.
pub const FIELD_ORDER: &str = "The node and the skew are in the other order. Write `AT <node> <skew> ...`, or say \
     `at = \"skew server\"` under [dialect] in the guest file if your quarter's page does.";
/// The node printed another name than its own.
pub const OWN_NAME: &str =
    "The AT line must name the node that received the report, also when another node prints it.";
/// The numbers were not checked.
pub const UNCHECKED: &str =
    "The operand is used before it is checked. Check each operand, and refuse the command if one is wrong.";
/// A handler ended by an exception.
pub const EXCEPTION: &str = "The connection ends without an answer, as if a handler ended by an exception. Catch \
     the errors of parsing, such as ValueError, and answer `? ` and the command.";
/// A negative number was accepted.
pub const NEGATIVE: &str = "Only the upper limit is checked. A negative radius or bound is invalid as well.";
/// The upper limit was not checked.
pub const NO_LIMIT: &str = "The upper limit is not checked: the radius is at most 50, the bound at most 20.";
/// A value at the limit was refused.
pub const LIMIT_REFUSED: &str = "The limit itself is valid. Compare with `>` rather than `>=`.";
/// The operands were not counted.
pub const OPERANDS: &str =
    "The number of operands is not checked. IAMAT and WHATSAT have exactly three each.";
/// Times were compared as text.
pub const TEXT_TIMES: &str =
    "Times are compared as text, by which 999999999 is later than 1000000000. Compare them as numbers.";
/// An older report replaced a newer one.
pub const OLDER_WINS: &str =
    "An older report replaces a newer one. Compare the report's time with the stored one before storing it.";
/// A later report was ignored.
pub const LATER_LOST: &str =
    "A later report of a known client is ignored. Store it if its time is later than the stored one.";
/// The update went to neighbours alone.
pub const ONE_HOP: &str = "The update reached the neighbours and went no further. A node must pass on each update that is news to it.";
/// The update went nowhere.
pub const NO_HOP: &str = "The update reached no other node. Check the ports to which nodes connect, and that they connect again if a neighbour was not up yet.";
/// The update was flooded with changed fields.
pub const FLOOD_REWRITES: &str =
    "The line is written again at each node. Flood the AT line as it was first written, and store it.";
/// The flood goes round.
pub const FLOOD_ENDLESS: &str =
    "The flood does not end. Pass an update on only if it is later than what is stored.";
/// Only CR LF is accepted.
pub const CRLF_ONLY: &str = "Lines are split at CR LF alone, as Twisted's LineReceiver does by default. Set its delimiter to LF, and strip a CR.";
/// A CR is taken for a part of the last field.
pub const CR_KEPT: &str =
    "The CR before the LF is taken for a part of the command. Strip the line end before splitting the line.";
/// The node reads to the end of the stream.
pub const READS_TO_EOF: &str = "The node waits for the end of the stream. Read a line at a time, as `readline()` does, rather than `read()` or `read(-1)`.";
/// The node closes after each command.
pub const ONE_COMMAND: &str =
    "The connection is closed after one command. Read lines in a loop, until the client closes.";
/// A read is taken for a command.
pub const READ_IS_COMMAND: &str =
    "Each read is taken for one command. A read returns any piece of the stream: split it at the line ends.";
/// A piece of a command is taken for the whole.
pub const PIECE_IS_COMMAND: &str =
    "A piece of a command is taken for a whole one. Keep what was read until its line end has come.";
/// The answer is lost when the client closes.
pub const LOST_AT_CLOSE: &str = "The end of the client's sending ends the connection before the answer is written. Answer first, and close then.";
/// A line without line end is dropped.
pub const REST_DROPPED: &str = "What is left without a newline when the client closes is a command too.";
/// The newline is missing.
pub const NEWLINE: &str =
    "The answer lacks its final newline, so a client that reads lines waits forever. Add `\\n`.";
/// Kilometres were sent.
pub const KILOMETRES: &str =
    "The radius was sent in kilometres. The Places service takes metres: multiply it by 1,000.";
/// Latitude and longitude were swapped.
pub const SWAPPED: &str = "Latitude and longitude are swapped.";
/// A sign of the location was lost.
pub const SIGN_LOST: &str =
    "A sign of the location was lost between the report and the question to the Places service.";
/// The key is not the one that was given.
pub const KEY: &str =
    "The key is not the one that the guest file gives. Read it from where `env` or `files` put it.";
/// The bound was not applied.
pub const BOUND: &str =
    "The bound is not applied. Keep the first results only; the Places service sends up to 20.";
/// Newlines in the JSON were kept.
pub const RUNS: &str = "Runs of newlines are kept. Make each one newline before sending the JSON.";
/// The end of the answer is wrong.
pub const TWO_NEWLINES: &str =
    "The JSON is followed by exactly two newlines. Strip its own trailing newlines first.";
/// The node waits while it asks.
pub const BLOCKING: &str = "The node does nothing else while it waits for the Places service. Ask it asynchronously (aiohttp, not requests or urllib).";
/// Each node asks when one is asked.
pub const PLACES_FLOODED: &str =
    "More than one question reached the Places service. Only the node that the client asks may ask it.";
/// The node does not connect again.
pub const NO_REDIAL: &str = "The nodes do not connect again to a neighbour that was away. Connect for each update, or try again until it works.";
/// The slow client blocks the node.
pub const SLOW_READER: &str = "The node waits until this client reads. Let each connection wait on its own.";
/// The command was changed in the copy.
pub const COPY_CHANGED: &str =
    "The copy differs from the command. Copy the line as it came, before splitting it.";
