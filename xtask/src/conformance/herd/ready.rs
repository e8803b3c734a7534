//! The start of nodes: they are ready when they listen for clients.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::listening::Listening;
use super::{GuestHerd, ONE_PROCESS, StartFailure, ended, last_words};
use crate::conformance::sandbox::keeper::protocol::{Request, State};

/// How long a node that finds its port in use is started again. After a crash, the system keeps the
/// ports of open connections for a while.
const RETRY_FOR: Duration = Duration::from_secs(3);

/// The pause before a node is started again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// What programs print when their port is in use, in lower case.
const IN_USE: [&str; 3] = ["already in use", "eaddrinuse", "address in use"];

/// A node that does not listen yet.
#[derive(Debug)]
struct Waiting {
    node: String,
    process: String,
    address: SocketAddr,
}

impl GuestHerd {
    /// Starts processes and waits for their nodes. Those that fail are killed.
    pub(super) fn start_processes(&mut self, processes: &[String]) -> Result<(), StartFailure> {
        let started = Instant::now();
        let waiting = self.members.iter().map(|member| Waiting {
            node: member.name.clone(),
            process: self.process(&member.name).to_owned(),
            address: member.client,
        });
        let waiting = waiting.filter(|waiting| processes.contains(&waiting.process)).collect();
        let ready = processes
            .iter()
            .try_for_each(|process| self.start_process(process))
            .and_then(|()| self.wait_ready(waiting, started));
        if ready.is_err() {
            for process in processes {
                let _ = self.keeper.order(&Request::Kill(process.clone()));
            }
        }
        ready
    }

    fn start_process(&mut self, process: &str) -> Result<(), StartFailure> {
        let start = self.starts[process].clone();
        self.keeper.order(&Request::Start(start)).map_err(|error| StartFailure::of_machine(&error))
    }

    fn wait_ready(&mut self, mut waiting: Vec<Waiting>, started: Instant) -> Result<(), StartFailure> {
        let deadline = started + self.ready_within;
        loop {
            let listening = Listening::now();
            waiting.retain(|node| !listening.accepts(node.address));
            let state = self.keeper.look().map_err(|error| StartFailure::of_machine(&error))?;
            let late = Instant::now() >= deadline;
            let Some(first) = waiting.first() else { return Ok(()) };
            let failed = waiting.iter().find_map(|node| Some((node, why_not(&state, &node.process)?)));
            let failed =
                failed.or_else(|| late.then(|| (first, not_listening(&listening, first, self.ready_within))));
            let Some((node, why)) = failed else {
                thread::sleep(self.poll);
                continue;
            };
            let (name, process) = (node.node.clone(), node.process.clone());
            let (output, errors) = self.words(&process);
            let last_words = last_words::shorten(&format!("{output}{errors}"));
            let in_use = IN_USE.iter().any(|words| last_words.to_lowercase().contains(words));
            if !in_use || late || started.elapsed() > RETRY_FOR || state.ended.is_some() {
                let node = if process == ONE_PROCESS { ONE_PROCESS.to_owned() } else { name };
                return Err(StartFailure { node, why, last_words });
            }
            thread::sleep(RETRY_AFTER);
            self.start_process(&process)?;
        }
    }
}

/// Returns why a process cannot get ready any more.
fn why_not(state: &State, process: &str) -> Option<String> {
    if let Some(why) = &state.ended {
        return Some(format!("was ended by this suite while it started, because {why}"));
    }
    let state = state.nodes.iter().find(|state| state.node == process)?;
    let exited_well = state.exited_well && state.processes == 0;
    ended(state).map(|words| match exited_well {
        true => format!("{words} before it listened for clients"),
        false => format!("{words} while it started"),
    })
}

/// Says what is wrong with a node whose time is up.
fn not_listening(listening: &Listening, node: &Waiting, within: Duration) -> String {
    let port = node.address.port();
    let mut why = format!("did not listen on port {port} within {} s", within.as_secs_f64());
    if let Some(other) = listening.at_port(port).next() {
        why += &format!(": it listens at {}, not at {}", SocketAddr::new(other, port), node.address);
    }
    why
}
