//! Nodes on a disk that does not answer, seen through their sockets.

mod compaction;
mod gate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::{Addresses, Admin, AdminToken, Durability, Server, Store};
use crate::config::Member;
use crate::node::{Limits, Lives, Node};
use crate::places::{Places, Provider};
use crate::tls::Encryption;
use gate::{Gate, GatedDisk};

/// Longer than anything takes here: a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// What proves to a node that one may remove clients.
const TOKEN: &str = "0123456789abcdef";

/// For this long nothing must come.
const NOTHING: Duration = Duration::from_millis(200);

/// Two linked nodes: Alford on a disk with a gate, and Parker in memory.
struct Pair {
    gate: Gate,
    folder: PathBuf,
    alford: Addresses,
    parker: Addresses,
    stop: CancellationToken,
    stop_parker: CancellationToken,
    running: JoinHandle<()>,
}

async fn bind(name: &str, neighbour: &str, store: Store, stop: &CancellationToken) -> Server {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let neighbours = vec![neighbour.to_owned()];
    let member =
        Member { name: name.to_owned(), client: any, link: any, advertise: None, admin: None, neighbours };
    let places = Places::new(Provider::Nobody, &Limits::default());
    let encryption = Arc::new(Encryption::default());
    let token = Some(AdminToken::new(TOKEN).unwrap());
    let admin = Admin { address: any, token, hosts: Vec::new() };
    Server::bind(&member, Some(admin), 1, store, places, encryption, stop.clone()).await.unwrap()
}

/// A node that soon says that its disk hangs, and compacts its journal when that is worth it, however short it is.
fn node(name: &str, neighbour: &str, epoch: u64) -> Node {
    let limits =
        Limits { disk_patience: Duration::from_millis(50), journal_bytes: 1000, ..Limits::default() };
    Node::new(name, &[neighbour.to_owned()], limits, Lives { epoch, incarnation: epoch, hash_seed: 0 })
}

impl Pair {
    async fn start(test: &str, durability: Durability) -> Pair {
        let folder = std::env::temp_dir().join(format!("herd-{test}-{}", std::process::id()));
        let gate = Gate::default();
        let disk = GatedDisk::open(&folder, &gate);
        let alford = node("Alford", "Parker", 1);
        let (store, _) =
            Store::open_on(disk, alford, durability, false, Some("boot"), Box::new(|| 2)).unwrap();
        let (stop, stop_parker) = (CancellationToken::new(), CancellationToken::new());
        let alford = bind("Alford", "Parker", store, &stop).await;
        let store = Store::in_memory(node("Parker", "Alford", 3));
        let parker = bind("Parker", "Alford", store, &stop_parker).await;
        let (at, to) = (alford.addresses().unwrap(), parker.addresses().unwrap());
        let running = tokio::spawn(alford.run([("Parker".to_owned(), to.link.into())]));
        tokio::spawn(parker.run([("Alford".to_owned(), at.link.into())]));
        let pair = Pair { gate, folder, alford: at, parker: to, stop, stop_parker, running };
        // From here on both are linked, and Alford's disk has what Parker said.
        Client::of(pair.parker.client).await.ask("IAMAT plum +1+1 1\n").await;
        pair.knows(pair.alford.client, "plum").await;
        pair
    }

    /// Waits until a node answers with a client's location.
    async fn knows(&self, node: SocketAddr, client: &str) {
        let mut asking = Client::of(node).await;
        let question = format!("WHATSAT {client} 0 0\n");
        eventually(async || asking.ask(&question).await.starts_with("AT ")).await;
    }

    /// What Alford says of itself at a path of its admin port.
    async fn get(&self, path: &str) -> String {
        request(self.alford.admin.unwrap(), "GET", path).await
    }

    async fn end(self) {
        self.gate.open();
        self.stop.cancel();
        self.stop_parker.cancel();
        timeout(DEADLINE, self.running).await.unwrap().unwrap();
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

/// Sends a request to an admin port. Its answer is to be read from the connection.
async fn begin_request(admin: SocketAddr, method: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let headers = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close");
    stream.write_all(format!("{method} {path} HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// The answer of an admin port.
async fn request(admin: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = begin_request(admin, method, path).await;
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let waits = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, waits).await.expect("waited in vain");
}

struct Client(TcpStream);

impl Client {
    async fn of(node: SocketAddr) -> Client {
        Client(TcpStream::connect(node).await.unwrap())
    }

    async fn say(&mut self, lines: &str) {
        self.0.write_all(lines.as_bytes()).await.unwrap();
    }

    /// The next bytes that come.
    async fn hear(&mut self) -> String {
        let mut heard = vec![0; 4096];
        let length = timeout(DEADLINE, self.0.read(&mut heard)).await.expect("no answer").unwrap();
        String::from_utf8(heard[..length].to_vec()).unwrap()
    }

    async fn hears_nothing(&mut self) {
        let heard = timeout(NOTHING, self.0.read(&mut [0; 64])).await;
        assert!(heard.is_err(), "an answer that is not on disk: {heard:?}");
    }

    async fn ask(&mut self, lines: &str) -> String {
        self.say(lines).await;
        self.hear().await
    }
}

/// Which operation makes an update wait with which durability.
const WAITS: [(Durability, &str); 3] =
    [(Durability::Everysec, "write"), (Durability::Always, "write"), (Durability::Always, "fsync")];

#[tokio::test]
async fn while_the_disk_hangs_only_what_depends_on_it_waits() {
    for (durability, operation) in WAITS {
        let pair = Pair::start("hangs", durability).await;
        pair.gate.close(operation);
        let mut reporter = Client::of(pair.alford.client).await;
        reporter.say("x\nIAMAT kiwi +1+1 1\ny\n").await;
        // What comes before the report does not wait.
        assert_eq!(reporter.hear().await, "? x\n");
        eventually(async || pair.gate.is_waited_at()).await;
        // Others ask about what is on disk, and are answered.
        let mut other = Client::of(pair.alford.client).await;
        assert_eq!(other.ask("z\n").await, "? z\n");
        assert!(other.ask("WHATSAT plum 0 0\n").await.starts_with("AT Parker "));
        assert!(other.ask("IAMAT plum +1+1 0\n").await.starts_with("AT Alford "));
        // Whoever asks about what is not on disk waits with the reporter.
        let mut asker = Client::of(pair.alford.client).await;
        asker.say("WHATSAT kiwi 0 0\n").await;
        eventually(async || pair.get("/readyz").await.contains("the disk has not answered for ")).await;
        assert!(pair.get("/healthz").await.starts_with("HTTP/1.1 200 "));
        let status = pair.get("/status").await;
        assert!(
            status.contains(r#""durability":"stalled""#) && status.contains(r#""linked":true"#),
            "{status}"
        );
        assert!(pair.get("/metrics").await.contains("herd_durability_stalled 1\n"));
        asker.hears_nothing().await;
        reporter.hears_nothing().await;
        // Neighbours are not told either, and tell what they learn.
        let mut parker = Client::of(pair.parker.client).await;
        assert_eq!(parker.ask("WHATSAT kiwi 0 0\n").await, "? WHATSAT kiwi 0 0\n");

        pair.gate.open();
        assert!(asker.hear().await.starts_with("AT Alford "));
        let answers = reporter.hear().await;
        assert!(answers.starts_with("AT Alford ") && answers.ends_with(" kiwi +1+1 1\n? y\n"), "{answers}");
        pair.knows(pair.parker.client, "kiwi").await;
        eventually(async || !pair.get("/readyz").await.contains("disk")).await;
        pair.end().await;
    }
}

#[tokio::test]
async fn a_question_about_a_removed_client_waits_for_the_removal() {
    for (durability, operation) in WAITS {
        let pair = Pair::start("removal", durability).await;
        pair.gate.close(operation);
        let removing = tokio::spawn(request(pair.alford.admin.unwrap(), "DELETE", "/clients/plum"));
        eventually(async || pair.gate.is_waited_at()).await;
        let mut asker = Client::of(pair.alford.client).await;
        asker.say("WHATSAT plum 0 0\n").await;
        asker.hears_nothing().await;
        assert!(!removing.is_finished());
        pair.gate.open();
        assert_eq!(asker.hear().await, "? WHATSAT plum 0 0\n");
        assert!(removing.await.unwrap().starts_with("HTTP/1.1 200 "));
        pair.end().await;
    }
}

#[tokio::test]
async fn a_sync_of_everysec_that_hangs_delays_no_answer_and_shows() {
    let pair = Pair::start("everysec", Durability::Everysec).await;
    pair.gate.close("fsync");
    let mut client = Client::of(pair.alford.client).await;
    eventually(async || {
        assert!(client.ask("IAMAT kiwi +1+1 1\n").await.starts_with("AT Alford "));
        pair.gate.is_waited_at()
    })
    .await;
    client.ask("IAMAT fig +1+1 1\n").await;
    pair.knows(pair.parker.client, "fig").await;
    eventually(async || pair.get("/status").await.contains(r#""durability":"stalled""#)).await;
    pair.gate.open();
    eventually(async || pair.get("/status").await.contains(r#""durability":"everysec""#)).await;
    pair.end().await;
}

#[tokio::test]
async fn an_operation_that_fails_is_a_failure_until_a_new_journal_is_on_disk() {
    for (durability, operation) in WAITS.into_iter().chain([(Durability::Everysec, "fsync")]) {
        let pair = Pair::start("fails", durability).await;
        pair.gate.fail(Some(operation));
        let mut client = Client::of(pair.alford.client).await;
        assert!(client.ask("IAMAT kiwi +1+1 1\n").await.starts_with("AT Alford "));
        let is_degraded = async || pair.get("/status").await.contains(r#""durability":"degraded""#);
        eventually(is_degraded).await;
        assert!(pair.get("/readyz").await.contains("the disk fails: the gate says so"));
        // Nobody waits for a disk that does not work.
        assert!(client.ask("IAMAT fig +1+1 1\n").await.starts_with("AT Alford "));
        pair.knows(pair.parker.client, "fig").await;
        pair.gate.fail(None);
        eventually(async || !is_degraded().await).await;
        assert!(client.ask("IAMAT pear +1+1 1\n").await.starts_with("AT Alford "));
        let journal = std::fs::read_to_string(pair.folder.join("journal")).unwrap();
        assert!(["kiwi", "fig", "pear"].iter().all(|client| journal.contains(client)), "{journal}");
        // What the old file lacks has been told in an epoch that it does not know.
        assert!(journal.contains(" EPOCH 0000000000000002\n"), "{journal}");
        pair.end().await;
    }
}

#[tokio::test]
async fn a_removal_is_confirmed_when_it_is_on_disk() {
    let pair = Pair::start("removal", Durability::Always).await;
    pair.gate.close("fsync");
    let mut remover = Client(begin_request(pair.alford.admin.unwrap(), "DELETE", "/clients/plum").await);
    eventually(async || pair.gate.is_waited_at()).await;
    remover.hears_nothing().await;
    pair.gate.open();
    assert!(remover.hear().await.starts_with("HTTP/1.1 200 "));
    pair.end().await;
}

#[tokio::test]
async fn answers_do_not_wait_for_the_next_look_at_the_journal() {
    for durability in [Durability::Everysec, Durability::Always] {
        let pair = Pair::start("wakes", durability).await;
        let mut client = Client::of(pair.alford.client).await;
        let reports = async {
            for second in 0..100 {
                client.ask(&format!("IAMAT kiwi +1+1 {second}\n")).await;
            }
        };
        // A look comes each second.
        timeout(50 * super::EVERY, reports).await.expect("each answer waits for the next look");
        // And a heartbeat twice a second.
        let mut parker = Client::of(pair.parker.client).await;
        let floods = async {
            for second in 100..200 {
                client.ask(&format!("IAMAT kiwi +1+1 {second}\n")).await;
                let known = format!(" {second}\n");
                while !parker.ask("WHATSAT kiwi 0 0\n").await.contains(&known) {}
            }
        };
        timeout(20 * super::EVERY, floods).await.expect("each update waits for the next heartbeat");
        pair.end().await;
    }
}

#[tokio::test]
async fn a_node_stops_while_its_disk_hangs() {
    for (durability, operation) in WAITS {
        let mut pair = Pair::start("stops", durability).await;
        pair.gate.close(operation);
        let mut reporter = Client::of(pair.alford.client).await;
        reporter.say("IAMAT kiwi +1+1 1\n").await;
        eventually(async || pair.gate.is_waited_at()).await;
        pair.stop.cancel();
        timeout(DEADLINE, &mut pair.running).await.expect("the node does not stop").unwrap();
        pair.running = tokio::spawn(async {});
        pair.end().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_while_the_disk_hangs_is_let_go() {
    let pair = Pair::start("leaves", Durability::Always).await;
    pair.gate.close("fsync");
    let mut reporter = Client::of(pair.alford.client).await;
    reporter.say("IAMAT kiwi +1+1 1\n").await;
    eventually(async || pair.gate.is_waited_at()).await;
    eventually(async || pair.get("/status").await.contains(r#""connections":1,"#)).await;
    // So the system sends a reset, not an end.
    reporter.0.set_zero_linger().unwrap();
    drop(reporter);
    eventually(async || pair.get("/status").await.contains(r#""connections":0,"#)).await;
    pair.end().await;
}
