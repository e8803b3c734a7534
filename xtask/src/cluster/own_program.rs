//! The node program of this workspace: its arguments, and the line that it prints when it is ready.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use herd::config::Member;
use herd::tls::LinkFiles;
use serde_json::Value;

use crate::cluster::processes::{Environment, Launch, NodeFiles, ReadyNode, clean_environment};

/// Variables that are removed from the environment of nodes. Two nodes cannot share an address, a
/// data folder or a certificate, and the harness passes the rest as flags.
const OF_ONE_NODE: [&str; 11] = [
    "HERD_CLIENT_ADDRESS",
    "HERD_LINK_ADDRESS",
    "HERD_DATA_DIR",
    "HERD_ADMIN_ADDRESS",
    "HERD_METRICS_ADDRESS",
    "HERD_LINKS_CA",
    "HERD_LINKS_CERT",
    "HERD_LINKS_KEY",
    "HERD_INSECURE_LINKS",
    "HERD_CLIENTS_CERT",
    "HERD_CLIENTS_KEY",
];

/// The node program and the settings of all nodes, as in
/// [`Setup`](crate::cluster::processes::Setup).
#[derive(Debug)]
pub(crate) struct HerdProgram {
    pub(crate) program: PathBuf,
    pub(crate) data: Option<PathBuf>,
    /// Admin ports by node. A node that is missing uses any free port; with `None`, nodes have no
    /// admin ports.
    pub(crate) admin: Option<BTreeMap<String, u16>>,
    pub(crate) environment: Environment,
    pub(crate) args: Vec<OsString>,
    pub(crate) variables: Vec<(&'static str, Option<OsString>)>,
    /// The certificates of each node's links. It is empty if links are plain TCP, or if the herd
    /// file names the certificates.
    pub(crate) certificates: BTreeMap<String, LinkFiles>,
}

impl Launch for HerdProgram {
    fn program(&self) -> String {
        self.program.display().to_string()
    }

    fn certificates(&self, name: &str) -> Option<LinkFiles> {
        self.certificates.get(name).cloned()
    }

    fn command(&self, node: &Member, files: &NodeFiles) -> Result<Command> {
        let mut command = Command::new(files.program.as_ref().unwrap_or(&self.program));
        command.arg(&node.name).arg("--config").arg(&files.herd);
        command.arg("--log-file").arg(&files.log).arg("--stop-with-stdin");
        if node.admin.is_none()
            && let Some(ports) = &self.admin
        {
            let admin = ports.get(&node.name).copied().unwrap_or_default();
            command.arg("--admin-address").arg(format!("127.0.0.1:{admin}"));
        }
        command.args(&self.args);
        for variable in OF_ONE_NODE {
            command.env_remove(variable);
        }
        if let Some(LinkFiles { ca, cert, key }) = self.certificates.get(&node.name) {
            command.arg("--links-ca").arg(ca).arg("--links-cert").arg(cert).arg("--links-key").arg(key);
        }
        if let Some(data) = &self.data {
            command.arg("--data-dir").arg(data.join(&node.name));
        }
        if self.environment == Environment::Clean {
            clean_environment(&mut command);
        }
        for (variable, value) in &self.variables {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        command.stdout(Stdio::piped());
        Ok(command)
    }

    fn wait_ready(&self, node: &Member, process: &mut Child, deadline: Instant) -> Result<Option<ReadyNode>> {
        let stdout = process.stdout.take().context("the standard output of a node is not piped")?;
        let left = deadline.saturating_duration_since(Instant::now());
        // A node whose output ends without a line is about to exit.
        let Some(line) = first_line(stdout).recv_timeout(left).ok().filter(|line| !line.is_empty()) else {
            return Ok(None);
        };
        let name = &node.name;
        let ready: Value = serde_json::from_str(&line)
            .with_context(|| format!("{name} printed {line:?} instead of JSON"))?;
        let expected = [node.client.to_string(), node.link.to_string()];
        if ready["client"] != *expected[0] || ready["link"] != *expected[1] {
            bail!("{name} listens at other addresses than {expected:?}: {line}");
        }
        let admin = ready["admin"].as_str().and_then(|address| address.parse().ok());
        if let Some(expected) = node.admin.filter(|expected| admin != Some(*expected)) {
            bail!("{name} listens at another admin address than {expected}: {line}");
        }
        Ok(Some(ReadyNode { admin }))
    }
}

/// Reads the first line of an output in a thread. The line is empty if the output ends without one.
fn first_line(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        // An output that cannot be read counts as one without a line. Sending fails if the receiver
        // has timed out.
        let _ = BufReader::new(output).read_line(&mut line);
        let _ = sender.send(line);
    });
    receiver
}
