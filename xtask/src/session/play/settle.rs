//! Waits until the nodes of a herd agree about every client.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use fixtures::escape::escape;
use herd::message::{Stamp, Time};

use super::{ClientConnection, Deadline, Player, SessionHerd};

/// The time between two questions to the nodes.
const POLL: Duration = Duration::from_millis(2);

impl<H: SessionHerd> Player<'_, H> {
    /// Waits until nodes agree about every client, and know nothing older than what any node has
    /// answered: nodes that have received no update would agree, too. The question has a bound of 0
    /// places, so that no node asks the Places service.
    pub(super) fn settle(&mut self, nodes: &[String]) -> Result<(), String> {
        let mut members = self.running()?;
        if !nodes.is_empty() {
            nodes.iter().try_for_each(|node| self.address(node).map(drop))?;
            members.retain(|(name, _)| nodes.contains(name));
        }
        let (names, addresses): (Vec<String>, Vec<SocketAddr>) = members.into_iter().unzip();
        let names = names.join(", ");
        let open = |address| ClientConnection::open(address, self.deadline);
        let mut connections: Vec<_> = addresses.into_iter().map(open).collect::<Result<_, _>>()?;
        for (client, latest) in &self.latest_reports {
            wait_for_agreement(&mut connections, &names, client, *latest, self.deadline)?;
        }
        self.transcript.event(&format!("settled: {names}"));
        Ok(())
    }
}

/// Asks nodes about a client until all give the same answer, with a report not older than `latest`.
fn wait_for_agreement(
    connections: &mut [ClientConnection],
    names: &str,
    client: &[u8],
    latest: Time,
    deadline: Deadline,
) -> Result<(), String> {
    let question = [b"WHATSAT ", client, b" 0 0\n"].concat();
    loop {
        // The answers get their own deadline, so that the error below shows the nodes' last
        // answers.
        let answer_deadline = deadline.again();
        let mut answers = BTreeSet::new();
        for connection in connections.iter_mut() {
            connection.send(&question, answer_deadline)?;
            answers.insert(connection.answer(answer_deadline)?);
        }
        if agree(&answers, latest) {
            return Ok(());
        }
        if let Err(waited) = deadline.left() {
            let answers: Vec<String> = answers.iter().map(|answer| escape(first_line(answer))).collect();
            return Err(format!(
                "{waited} for {names} to agree on the latest report of {}; they answer: {}",
                escape(client),
                answers.join(" | ")
            ));
        }
        thread::sleep(POLL);
    }
}

/// Returns whether all answers are equal and contain a report not older than `latest`.
fn agree(answers: &BTreeSet<Vec<u8>>, latest: Time) -> bool {
    let is_late = |answer: &Vec<u8>| report_in(answer).is_some_and(|(_, time)| time >= latest);
    answers.len() <= 1 && answers.iter().all(is_late)
}

/// The client and the time of the report in an AT line; `None` for other answers.
pub(super) fn report_in(answer: &[u8]) -> Option<(&[u8], Time)> {
    let fields: Vec<&[u8]> = first_line(answer).split(|&byte| byte == b' ').collect();
    let [b"AT", _, _, client, _, stamp] = fields[..] else { return None };
    Some((client, Stamp::parse(stamp)?.time()))
}

fn first_line(answer: &[u8]) -> &[u8] {
    answer.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_agree_only_on_the_latest_report() {
        let at = |stamp: &str| format!("AT Alford +1.0 kiwi +1-1 {stamp}\n{{\n}}\n\n").into_bytes();
        let unknown = b"? WHATSAT kiwi 0 0\n".to_vec();
        let agree_on_5 = |answers: Vec<Vec<u8>>| {
            agree(&answers.into_iter().collect(), Stamp::parse(b"5").map(Stamp::time).unwrap())
        };
        assert!(agree_on_5(vec![at("5"), at("5")]));
        assert!(!agree_on_5(vec![at("5"), at("5.0")]));
        assert!(!agree_on_5(vec![at("5"), unknown.clone()]));
        assert!(!agree_on_5(vec![at("4.9"), at("4.9")]), "all have missed the latest");
        assert!(!agree_on_5(vec![unknown.clone(), unknown]), "all have received nothing");
    }

    #[test]
    fn only_an_at_line_contains_a_report() {
        let (client, time) = report_in(b"AT Alford +1.0 kiwi +1-1 5.5\n{\n}\n\n").unwrap();
        assert_eq!((client, Some(time)), (&b"kiwi"[..], Stamp::parse(b"5.5").map(Stamp::time)));
        for other in [&b"? AT Alford +1.0 kiwi +1-1 5\n"[..], b"? WHATSAT kiwi 0 0\n", b"AT\n", b""] {
            assert_eq!(report_in(other), None);
        }
    }
}
