//! The answers of a load: which commands wait for them, and how long they took.

use std::collections::VecDeque;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::Protocol;

/// The answers that have been received.
#[derive(Debug)]
pub(super) struct Answers {
    /// The times from when the reports were due to their answers, in nanoseconds.
    pub(super) reports: Histogram<u64>,
    /// The times from when the WHATSATs were due to the ends of their answers, in nanoseconds.
    pub(super) questions: Histogram<u64>,
    /// The number of answers that are not the right answer to their command.
    pub(super) wrong: u64,
    /// The number of answers to WHATSATs that say that there was an error instead of places.
    pub(super) without_places: u64,
    /// The client that each connection reported last.
    pub(super) last_clients: Vec<u64>,
}

/// The verb of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// A report, whose answer is one line.
    Report,
    /// A WHATSAT, whose answer ends with an empty line.
    Question,
}

/// The commands of a connection that wait for their answers, which come in the same order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Commands of one verb that were due at one time, and their number.
    runs: VecDeque<(Instant, Verb, usize)>,
    /// The number of commands of all runs.
    pub(super) count: usize,
    /// Whether the first line of the answer to a WHATSAT has been received, and not its end.
    is_in_places: bool,
}

impl Waiting {
    /// Adds a command that was due at a time.
    pub(super) fn push(&mut self, due: Instant, verb: Verb) {
        self.count += 1;
        match self.runs.back_mut() {
            Some((same_due, same_verb, commands)) if (*same_due, *same_verb) == (due, verb) => *commands += 1,
            _ => self.runs.push_back((due, verb, 1)),
        }
    }

    /// Takes the complete lines of `input`, and counts the answers that they complete.
    pub(super) fn take_answers(&mut self, input: &mut Vec<u8>, protocol: Protocol, answers: &mut Answers) {
        let now = Instant::now();
        let mut start = 0;
        // The commands of the first run that have been answered.
        let mut answered = 0;
        for end in memchr::memchr_iter(b'\n', input) {
            let line = &input[start..end];
            start = end + 1;
            let Some((due, verb, commands)) = self.runs.front() else {
                // Answers without a command are wrong, too.
                answers.wrong += 1;
                continue;
            };
            if !is_complete(line, *verb, &mut self.is_in_places, protocol, answers) {
                continue;
            }
            answered += 1;
            if answered == *commands {
                answers.record(*verb, now - *due, answered);
                self.count -= answered;
                answered = 0;
                self.runs.pop_front();
            }
        }
        input.drain(..start);
        if let Some((due, verb, commands)) = self.runs.front_mut().filter(|_| answered > 0) {
            answers.record(*verb, now - *due, answered);
            self.count -= answered;
            *commands -= answered;
        }
    }
}

/// Returns whether a line completes the answer to a command, and counts what is wrong with it.
fn is_complete(
    line: &[u8],
    verb: Verb,
    is_in_places: &mut bool,
    protocol: Protocol,
    answers: &mut Answers,
) -> bool {
    if *is_in_places {
        answers.without_places += u64::from(is_error_status(line));
        *is_in_places = !line.is_empty();
        return line.is_empty();
    }
    let is_right = protocol.is_right(line);
    answers.wrong += u64::from(!is_right);
    *is_in_places = is_right && verb == Verb::Question;
    !*is_in_places
}

/// Returns whether a line of an answer to a WHATSAT is the status of an error.
fn is_error_status(line: &[u8]) -> bool {
    let status = line.trim_ascii_start().strip_prefix(b"\"status\" : \"");
    status.is_some_and(|status| !status.starts_with(b"OK\"") && !status.starts_with(b"ZERO_RESULTS\""))
}

impl Answers {
    fn record(&mut self, verb: Verb, latency: std::time::Duration, commands: usize) {
        let latencies = match verb {
            Verb::Report => &mut self.reports,
            Verb::Question => &mut self.questions,
        };
        latencies.saturating_record_n(latency.as_nanos() as u64, commands as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_answers() -> Answers {
        let [reports, questions] = [(), ()].map(|()| Histogram::new_with_bounds(1, 1_000_000, 3).unwrap());
        Answers { reports, questions, wrong: 0, without_places: 0, last_clients: Vec::new() }
    }

    #[test]
    fn answers_are_counted_by_verb_however_they_are_cut() {
        let text = "AT A +1 kiwi +1+1 1\nAT A +1 kiwi +1+1 1\n\
                    AT A +1 kiwi +1+1 1\n{\n   \"results\" : [],\n   \"status\" : \"OK\"\n}\n\n\
                    ? WHATSAT plum 10 0\n\
                    AT A +1 kiwi +1+1 1\n{\n   \"status\" : \"UNKNOWN_ERROR\"\n}\n\n\
                    AT A +1 kiwi +1+1 1\n{\n   \"status\" : \"OVER_QUERY_LIMIT\",\n   \"results\" : []\n}\n\n\
                    AT A +1 kiwi +1+1 1\n{\n   \"results\" : [],\n   \"status\" : \"ZERO_RESULTS\"\n}\n\n\
                    ? IAMAT kiwi\n";
        for size in 1..=text.len() {
            let (mut waiting, mut answers, mut input) = (Waiting::default(), no_answers(), Vec::new());
            let due = Instant::now();
            let verbs = [(Verb::Report, 2), (Verb::Question, 5), (Verb::Report, 1)];
            for (verb, commands) in verbs {
                (0..commands).for_each(|_| waiting.push(due, verb));
            }
            for piece in text.as_bytes().chunks(size) {
                input.extend_from_slice(piece);
                waiting.take_answers(&mut input, Protocol::Iamat, &mut answers);
            }
            let counts =
                (answers.reports.len(), answers.questions.len(), answers.wrong, answers.without_places);
            assert_eq!((counts, waiting.count, input.len()), ((3, 5, 2, 2), 0, 0), "pieces of {size} bytes");
        }
    }

    #[test]
    fn answers_without_a_command_are_wrong() {
        let (mut waiting, mut answers) = (Waiting::default(), no_answers());
        waiting.take_answers(&mut b"AT A +1 kiwi +1+1 1\n".to_vec(), Protocol::Iamat, &mut answers);
        assert_eq!((answers.reports.len(), answers.wrong), (0, 1));
    }
}
