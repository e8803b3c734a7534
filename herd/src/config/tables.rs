//! The tables of a herd file, before checks.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::node::{Limits, parse_duration, parse_duration_or_off};
use crate::places::{Fields, Layout, ProviderName};

/// The top-level keys and tables of a herd file.
pub(super) const TOP: [&str; 9] =
    ["admin", "backbone", "clients", "limits", "links", "name", "node", "places", "traces"];

/// A herd file after parsing. A missing or wrong value has its default, and has been reported.
#[derive(Default)]
pub(super) struct HerdFile {
    pub(super) name: String,
    pub(super) node: Vec<NodeTable>,
    pub(super) limits: Limits,
    pub(super) places: PlacesTable,
    pub(super) links: LinksTable,
    pub(super) clients: ClientsTable,
    pub(super) admin: AdminTable,
    pub(super) backbone: Option<BackboneTable>,
    pub(super) traces: Option<TracesTable>,
}

/// A `[[node]]` table.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NodeTable {
    pub(super) name: Option<Spanned<String>>,
    pub(super) client: Option<Spanned<String>>,
    pub(super) link: Option<Spanned<String>>,
    pub(super) advertise: Option<Spanned<String>>,
    pub(super) admin: Option<Spanned<String>>,
    pub(super) metrics: Option<Spanned<String>>,
    pub(super) neighbours: Vec<Spanned<String>>,
    pub(super) holds: Option<Spanned<String>>,
}

impl NodeTable {
    /// The node's name; empty if it is missing.
    pub(super) fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| name.get_ref())
    }
}

/// The `[places]` table. Flags and environment variables of the node override it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacesTable {
    /// The provider's name, as for `--places`.
    pub provider: Option<ProviderName>,
    /// The service's base URL, as for `--places-url`.
    pub url: Option<String>,
    /// The places file, as for `--places-file`.
    pub file: Option<PathBuf>,
    /// The file that holds the API key, as for `--places-key-file`.
    pub key_file: Option<PathBuf>,
    /// The layout of answers, as for `--places-layout`.
    pub layout: Option<Layout>,
    /// The fields to request, as for `--places-fields`.
    pub fields: Option<Fields>,
}

/// The `[links]` table: certificates for links, in PEM. `{name}` in a path stands for the node's
/// name. Flags and environment variables of the node override it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinksTable {
    /// The certificate of the authority, as for `--links-ca`.
    pub ca: Option<PathBuf>,
    /// The node's certificate, as for `--links-cert`.
    pub cert: Option<PathBuf>,
    /// The node's private key, as for `--links-key`.
    pub key: Option<PathBuf>,
}

/// The `[clients]` table: certificates for clients, who are then served over TLS. `{name}`, flags
/// and variables as for [`LinksTable`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientsTable {
    /// The certificate, as for `--clients-cert`.
    pub cert: Option<PathBuf>,
    /// Its private key, as for `--clients-key`.
    pub key: Option<PathBuf>,
}

/// The `[admin]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminTable {
    /// Accepted host names in requests to the admin port, besides IP addresses and `localhost`. A
    /// request for another host is answered with status 421.
    pub hosts: Vec<String>,
}

/// The `[backbone]` table: the log that joins this herd with those of other regions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneTable {
    /// The URLs of the NATS servers: `nats://` on loopback, `tls://` elsewhere.
    pub nats: Vec<String>,
    /// The file with the credentials of the nodes, which servers beyond loopback need.
    pub creds: Option<PathBuf>,
    /// The certificate of the authority that signed the servers' certificates, in PEM. Without it,
    /// the authorities of the system count.
    pub ca: Option<PathBuf>,
    /// The name of this herd's region. Without it, it is the herd's name.
    pub region: Option<String>,
    /// The name of the stream.
    pub stream: String,
    /// How many servers keep the stream, if the nodes create it.
    pub replicas: usize,
    /// The nodes that read what other regions have received, and flood it. Without it, they are the
    /// first two of the file.
    pub reads: Option<Vec<String>>,
    /// The number of shards into which clients are divided, for nodes that hold only some of them.
    /// It is the same in all herds on a stream.
    pub shards: u8,
    /// How long updates may wait for others, to be published together.
    #[serde(deserialize_with = "duration")]
    pub linger: Duration,
    /// How long the stream keeps messages, if the nodes create it.
    #[serde(deserialize_with = "duration")]
    pub retention: Duration,
    /// How often regions compare sums of what they have; `None` for never.
    #[serde(deserialize_with = "duration_or_off")]
    pub compare: Option<Duration>,
    /// When a report is answered.
    pub answer: AnswerAfter,
}

/// When a report is answered by a node on the backbone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerAfter {
    /// Once the node has it, as without a backbone.
    #[default]
    Local,
    /// Once the backbone has stored it, too.
    Backbone,
}

impl Default for BackboneTable {
    fn default() -> BackboneTable {
        BackboneTable {
            nats: Vec::new(),
            creds: None,
            ca: None,
            region: None,
            stream: "herd".to_owned(),
            replicas: 3,
            reads: None,
            shards: 1,
            linger: Duration::from_millis(5),
            retention: Duration::from_hours(24),
            compare: Some(Duration::from_mins(1)),
            answer: AnswerAfter::default(),
        }
    }
}

/// The `[traces]` table: where traces of reports go. It needs the feature `otel`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesTable {
    /// The URL of an OpenTelemetry collector that takes OTLP over HTTP.
    pub endpoint: String,
    /// The share of reports that are traced, above 0 and at most 1. Nodes with equal shares trace
    /// the same reports.
    pub sample: f64,
}

impl Default for TracesTable {
    fn default() -> TracesTable {
        TracesTable { endpoint: String::new(), sample: 0.01 }
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn duration_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parse_duration_or_off(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}
