//! The flags of commands that talk to nodes as a client, over TLS.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use rustls::pki_types::ServerName;

use herd::say::{Tls, server_name};
use herd::tls::trusting;

#[derive(Clone, Debug, Args)]
pub(super) struct ServerTlsArgs {
    /// Use TLS, and verify the certificate of the node
    #[arg(long)]
    tls: bool,

    /// Trust the authorities in this file; implies --tls [default: those that this machine trusts]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Expect a certificate for this name; implies --tls [default: the host of the address]
    #[arg(long, value_name = "NAME", value_parser = server_name)]
    server_name: Option<ServerName<'static>>,
}

impl ServerTlsArgs {
    /// How to encrypt connections; `None` for plain TCP. `is_needed` says that the nodes serve
    /// clients over TLS.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub(super) fn tls(&self, is_needed: bool) -> Result<Option<Tls>> {
        if !(is_needed || self.tls || self.ca.is_some() || self.server_name.is_some()) {
            return Ok(None);
        }
        let config = trusting(self.ca.as_deref())?;
        Ok(Some(Tls { config, name: self.server_name.clone() }))
    }
}
