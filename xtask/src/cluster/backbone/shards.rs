//! Herds whose nodes hold only some shards.

use anyhow::Result;

use super::NatsServers;
use crate::cluster::herd_file::HerdFile;

/// Returns a herd whose nodes hold these shards of 64, by their names. There are no links.
///
/// # Errors
/// The shards are not ones.
pub fn divided(nodes: &[(&str, &str)], servers: &NatsServers, replicas: u16) -> Result<HerdFile> {
    let mut text = "name = \"shards\"\n".to_owned();
    for (port, (name, holds)) in (1..).step_by(2).zip(nodes) {
        let (client, link) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1));
        text += "[[node]]\n";
        for (key, value) in [("name", *name), ("client", &client), ("link", &link), ("holds", *holds)] {
            text += &format!("{key} = {value:?}\n");
        }
    }
    let urls = servers.backbone().urls;
    text += &format!("[backbone]\nnats = {urls:?}\nreplicas = {replicas}\nshards = 64\n");
    HerdFile::parse(&text, "the herd with shards")
}
