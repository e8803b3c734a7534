//! Clients on a simulated network, which add what they see to a history.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use turmoil::net::TcpStream;

use super::host::{CLIENTS, Host};
use super::{PATIENCE, SETTLES};
use crate::oracle::{EventKind, History};
use crate::sim::plan::{Op, Plan};

/// The time between two checks whether all nodes agree.
const POLL: Duration = Duration::from_millis(100);

/// All clients of a run.
pub(super) struct Clients {
    ops: Vec<Op>,
    nodes: Vec<String>,
    ids: Vec<String>,
    next: Cell<u64>,
    history: Rc<RefCell<History>>,
}

/// The AT lines that each node knows in the end, sorted, and the time until all nodes agreed;
/// `None` if they did not.
pub(super) type FinalState = (Vec<Vec<String>>, Option<Duration>);

impl Clients {
    pub(super) fn new(plan: &Plan, hosts: &[Rc<Host>], history: Rc<RefCell<History>>) -> Clients {
        let id = |op: &Op| op.line.split(' ').nth(1).map(str::to_owned);
        let ids: BTreeSet<String> = plan.ops.iter().filter_map(id).collect();
        Clients {
            // Removals need the admin port, which is not on this network.
            ops: plan.ops.iter().filter(|op| !op.is_removal()).cloned().collect(),
            nodes: hosts.iter().map(|host| host.name.clone()).collect(),
            ids: ids.into_iter().collect(),
            next: Cell::new(0),
            history,
        }
    }

    /// Sends every line of the plan at its time.
    pub(super) fn send_lines(self: &Rc<Self>) -> impl Future<Output = turmoil::Result> + use<> {
        let clients = Rc::clone(self);
        async move {
            let began = Instant::now();
            let mut sending = JoinSet::new();
            for op in clients.ops.clone() {
                sleep_until(began + op.at).await;
                let clients = Rc::clone(&clients);
                sending.spawn_local(async move { clients.send_line(&op).await });
            }
            while let Some(sent) = sending.join_next().await {
                sent?;
            }
            Ok(())
        }
    }

    /// Sends a line on its own connection. A connection that cannot be made is not an operation.
    async fn send_line(&self, op: &Op) {
        let connected = timeout(PATIENCE, TcpStream::connect((self.nodes[op.node].as_str(), CLIENTS)));
        let Ok(Ok(stream)) = connected.await else { return };
        let number = self.next.replace(self.next.get() + 1);
        self.add_event(EventKind::Invoke { op: number, node: op.node, line: op.line.clone() });
        match timeout(PATIENCE, ask(stream, &op.line)).await {
            Ok(Ok(answer)) => self.add_event(EventKind::Ok { op: number, answer }),
            Ok(Err(_)) | Err(_) => self.add_event(EventKind::Info { op: number }),
        }
    }

    fn add_event(&self, kind: EventKind) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.history.borrow_mut().add(at.as_micros() as u64, kind);
    }

    /// The AT lines that a node knows, sorted. Empty if the node does not answer.
    async fn known(&self, node: &str) -> Vec<String> {
        let ask = async {
            let mut stream = TcpStream::connect((node, CLIENTS)).await?;
            let questions: String = self.ids.iter().map(|id| format!("WHATSAT {id} 0 0\n")).collect();
            stream.write_all(questions.as_bytes()).await?;
            stream.shutdown().await?;
            let mut answers = String::new();
            stream.read_to_string(&mut answers).await?;
            io::Result::Ok(answers)
        };
        let answers = timeout(PATIENCE, ask).await.map_or_else(|_| String::new(), Result::unwrap_or_default);
        let mut lines: Vec<String> =
            answers.lines().filter(|line| line.starts_with("AT ")).map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }
}

/// Sends a line and returns the first line of the answer.
async fn ask(mut stream: TcpStream, line: &str) -> io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    let answer = answer.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(answer.to_owned())
}

/// Waits until all nodes agree or their time is over, and writes what they know to `found`.
pub(super) async fn settle(clients: Rc<Clients>, found: Rc<RefCell<FinalState>>) -> turmoil::Result {
    let began = Instant::now();
    loop {
        // All nodes are asked at the same time, so that the check is shorter than the settling.
        let mut asking = JoinSet::new();
        for node in 0..clients.nodes.len() {
            let clients = Rc::clone(&clients);
            asking.spawn_local(async move { (node, clients.known(&clients.nodes[node]).await) });
        }
        let mut known = vec![Vec::new(); clients.nodes.len()];
        while let Some(answer) = asking.join_next().await {
            let (node, lines) = answer?;
            known[node] = lines;
        }
        let same = known.windows(2).all(|pair| pair[0] == pair[1]);
        if same || began.elapsed() > SETTLES {
            found.replace((known, same.then(|| began.elapsed())));
            return Ok(());
        }
        sleep(POLL).await;
    }
}
