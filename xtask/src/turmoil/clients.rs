//! Clients on a simulated network, and what they see.

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

use super::machine::{CLIENTS, Machine};
use super::{PATIENCE, SETTLES};
use crate::oracle::{History, What};
use crate::sim::plan::{Op, Plan};

/// How often it is looked whether all nodes know the same.
const LOOK: Duration = Duration::from_millis(100);

/// All clients.
pub(super) struct Clients {
    ops: Vec<Op>,
    nodes: Vec<String>,
    ids: Vec<String>,
    next: Cell<u64>,
    history: Rc<RefCell<History>>,
}

/// What each node knows: AT lines, sorted; and how long it took until they knew the same.
pub(super) type Known = (Vec<Vec<String>>, Option<Duration>);

impl Clients {
    pub(super) fn new(plan: &Plan, machines: &[Rc<Machine>], history: Rc<RefCell<History>>) -> Clients {
        let id = |op: &Op| op.line.split(' ').nth(1).map(str::to_owned);
        let ids: BTreeSet<String> = plan.ops.iter().filter_map(id).collect();
        Clients {
            // An operator would need the admin port, which has no place on this network.
            ops: plan.ops.iter().filter(|op| !op.is_removal()).cloned().collect(),
            nodes: machines.iter().map(|machine| machine.name.clone()).collect(),
            ids: ids.into_iter().collect(),
            next: Cell::new(0),
            history,
        }
    }

    /// Says every line of the plan when it is due.
    pub(super) fn talk(self: &Rc<Self>) -> impl Future<Output = turmoil::Result> + use<> {
        let clients = Rc::clone(self);
        async move {
            let (began, mut saying) = (Instant::now(), JoinSet::new());
            for op in clients.ops.clone() {
                sleep_until(began + op.at).await;
                let clients = Rc::clone(&clients);
                saying.spawn_local(async move { clients.say(&op).await });
            }
            while let Some(said) = saying.join_next().await {
                said?;
            }
            Ok(())
        }
    }

    /// Says a line, on a connection of its own. One that cannot be made is nobody's promise.
    async fn say(&self, op: &Op) {
        let connected = timeout(PATIENCE, TcpStream::connect((self.nodes[op.node].as_str(), CLIENTS)));
        let Ok(Ok(stream)) = connected.await else { return };
        let number = self.next.replace(self.next.get() + 1);
        self.note(What::Invoke { op: number, node: op.node, line: op.line.clone() });
        match timeout(PATIENCE, ask(stream, &op.line)).await {
            Ok(Ok(answer)) => self.note(What::Ok { op: number, answer }),
            Ok(Err(_)) | Err(_) => self.note(What::Info { op: number }),
        }
    }

    fn note(&self, what: What) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.history.borrow_mut().note(at.as_micros() as u64, what);
    }

    /// What a node knows of all clients; nothing, if it does not answer.
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

/// Says a line and returns the answer's first line.
async fn ask(mut stream: TcpStream, line: &str) -> io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let (mut stream, mut answer) = (BufReader::new(stream), String::new());
    stream.read_line(&mut answer).await?;
    let answer = answer.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(answer.to_owned())
}

/// Waits until all nodes know the same, or have had their time.
pub(super) async fn settle(clients: Rc<Clients>, found: Rc<RefCell<Known>>) -> turmoil::Result {
    let began = Instant::now();
    loop {
        // All at the same time: one after another would take as long as settling.
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
        sleep(LOOK).await;
    }
}
