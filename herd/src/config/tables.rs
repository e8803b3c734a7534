//! The tables of a herd file, as TOML has them.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::node::Limits;
use crate::places::{Fields, Layout, ProviderName};

/// The keys of a herd file that stand in no table, and its tables.
pub(super) const TOP: [&str; 7] = ["admin", "clients", "limits", "links", "name", "node", "places"];

/// A herd file as far as it could be read. What is missing or wrong is a problem that has been
/// reported.
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
    /// Its name; empty if it has none.
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
    /// The fields to ask for, as for `--places-fields`.
    pub fields: Option<Fields>,
}

/// The `[links]` table: certificates for links, in PEM. `{name}` in a path stands for the node's name. Flags and environment
/// variables of the node override it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinksTable {
    /// The authority's, as for `--links-ca`.
    pub ca: Option<PathBuf>,
    /// The node's, as for `--links-cert`.
    pub cert: Option<PathBuf>,
    /// The node's private key, as for `--links-key`.
    pub key: Option<PathBuf>,
}

/// The `[clients]` table: clients are served over TLS. `{name}`, flags and environment as for [`LinksTable`].
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
    /// The names of hosts by which the admin port may be asked, besides IP addresses and `localhost`. A request for any
    /// other host is answered 421.
    pub hosts: Vec<String>,
}
