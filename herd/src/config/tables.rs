//! The tables of a herd file, before checks.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::node::Limits;
use crate::places::{Fields, Layout, ProviderName};

/// The top-level keys and tables of a herd file.
pub(super) const TOP: [&str; 7] = ["admin", "clients", "limits", "links", "name", "node", "places"];

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
    pub(super) neighbours: Vec<Spanned<String>>,
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
