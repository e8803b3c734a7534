//! Nodes on a disk that does not respond, seen through their sockets.

mod compaction;
mod failures;
mod gate;
mod waits;

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

/// The deadline of a wait, after which a test fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// The admin token.
const TOKEN: &str = "0123456789abcdef";

/// How long nothing must arrive.
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
    let member = Member {
        name: name.to_owned(),
        client: any,
        link: any,
        advertise: None,
        admin: None,
        metrics: None,
        neighbours,
        holds: None,
    };
    let places = Places::new(Provider::Nobody, &Limits::default());
    let encryption = Arc::new(Encryption::default());
    let token = Some(AdminToken::new(TOKEN).unwrap());
    let admin = Admin { address: any, token, hosts: Vec::new() };
    Server::bind(&member, Some(admin), 1, store, places, encryption, stop.clone()).await.unwrap()
}

/// Limits with which a node soon reports a hanging disk, and compacts even a short journal.
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
        // From here on, both are linked, and Alford's disk has Parker's updates.
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

    /// Alford's answer at a path of its admin port.
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

/// Sends a request to an admin port. The answer can be read from the connection.
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

    /// Reads the next bytes.
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

/// The operation for which an update waits, by durability.
const WAITS: [(Durability, &str); 3] =
    [(Durability::Everysec, "write"), (Durability::Always, "write"), (Durability::Always, "fsync")];
