//! `herd-up --peer`: start the herd of another program, on the ports of a herd file.

use anyhow::Result;
use serde_json::Value;

use super::status_table::{StatusColumns, status_table};
use super::up::{HerdUpArgs, check_ports};
use crate::cluster::bundled_guests::find_guest;
use crate::cluster::supervisor::{HerdLock, Records, SupervisedHerd, supervise};
use crate::commands::print::{output_width, print_progress};

const HOW_TO: &str = "
Talk to a node:  cargo xtask say Alford 'IAMAT kiwi +34.0689-118.4451 1520023934.9'
                 telnet localhost PORT, with a PORT from the ADDRESS column
Places:          from Google, with the key in GOOGLE_API_KEY; `WHATSAT kiwi 10 0` needs none
See also:        cargo xtask herd-status | herd-logs -f | herd-restart | herd-kill
";

impl HerdUpArgs {
    /// Starts the nodes of a peer, and supervises them until the herd is stopped. When the nodes
    /// accept clients, `announce` gets the text for the user.
    ///
    /// # Errors
    /// The peer's runtime is not installed, or the herd cannot start. Nodes that have started are
    /// killed.
    pub(super) fn supervise_peer(
        &self,
        name: &str,
        announce: impl FnOnce(String) -> Result<()>,
    ) -> Result<()> {
        let guest = find_guest(name, &print_progress)?;
        // Locals are dropped in reverse order: the lock must not become free before the nodes have
        // exited.
        let lock = HerdLock::take()?;
        let file = self.herd_file()?;
        check_ports(&file)?;
        let folder = lock.folder_of(guest.name)?;
        let processes = guest.template.logging_errors().herd(file, folder)?;
        let first = processes.names().into_iter().next().unwrap_or_default();
        let peer = Some(guest.name);
        let mut herd =
            SupervisedHerd { processes, peer, records: Records::Memory, proxy: None, servers: None };
        herd.processes.start_all()?;
        let on_ready = |status: &Value| {
            let name = status["herd"].as_str().unwrap_or_default();
            let table = status_table(status, StatusColumns::Fitted(output_width()));
            let how_to = HOW_TO.replace("Alford", &first);
            announce(format!("herd {name} of the peer {}\n\n{table}{how_to}", guest.name))
        };
        // The second thread answers other commands while the supervisor waits for its nodes.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(supervise(&lock, &mut herd, on_ready))
    }
}
