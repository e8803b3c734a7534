//! The arguments that say how connections are encrypted.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;

use herd::config::{Herd, Member, file_for};
use herd::tls::{Authority, ClientFiles, ClientTls, Encryption, LinkFiles, LinkTls, Reloadable};

use super::given::Given;
use super::usage::Usage;

#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    /// The certificate of the herd's authority: whoever it has signed, and is a neighbour, is let in [default: a herd on
    /// loopback makes its own, in $XDG_STATE_HOME/herd].
    #[arg(long, env = "HERD_LINKS_CA", value_name = "FILE")]
    links_ca: Option<PathBuf>,

    /// This node's certificate for links.
    #[arg(long, env = "HERD_LINKS_CERT", value_name = "FILE")]
    links_cert: Option<PathBuf>,

    /// Its private key; others may not read it.
    #[arg(long, env = "HERD_LINKS_KEY", value_name = "FILE")]
    links_key: Option<PathBuf>,

    /// Links are plain TCP: whoever reaches the link port can be a neighbour. Loopback only.
    #[arg(long, env = "HERD_INSECURE_LINKS", value_parser = BoolishValueParser::new())]
    insecure_links: bool,

    /// Serves clients over TLS, with this certificate.
    #[arg(long, env = "HERD_CLIENTS_CERT", value_name = "FILE")]
    clients_cert: Option<PathBuf>,

    /// Its private key; others may not read it.
    #[arg(long, env = "HERD_CLIENTS_KEY", value_name = "FILE")]
    clients_key: Option<PathBuf>,
}

impl TlsArgs {
    /// How `member` meets its neighbours and its clients.
    ///
    /// # Errors
    /// [`Usage`] where a file is missing from what was said; or a file cannot be used.
    pub(super) fn encryption(&self, herd: &Herd, member: &Member, given: &Given) -> Result<Encryption> {
        let links = self.links(herd, member, given)?;
        let clients = self.clients(herd, member, given)?;
        Ok(Encryption { links, clients })
    }

    fn links(&self, herd: &Herd, member: &Member, given: &Given) -> Result<Option<Reloadable<LinkTls>>> {
        let table = &herd.links;
        let chosen =
            [(&self.links_ca, &table.ca), (&self.links_cert, &table.cert), (&self.links_key, &table.key)];
        if self.insecure_links {
            return match chosen.iter().zip(LINK_FILES).find(|((argument, _), _)| argument.is_some()) {
                None => Ok(None),
                Some((_, file)) => {
                    let [plain, file] = ["insecure_links", file].map(|id| given.name(id));
                    Err(Usage(format!("{plain} cannot be used with {file}: leave out one of them")).into())
                }
            };
        }
        let files = match chosen.map(|(argument, named)| argument.clone().or_else(|| of(named, member))) {
            [Some(ca), Some(cert), Some(key)] => LinkFiles { ca, cert, key },
            [None, None, None] => return own_authority(herd, member).map(Some),
            _ => {
                let [ca, cert, key] = LINK_FILES.map(|id| given.name(id));
                let message =
                    format!("links need three files: {ca}, {cert} and {key}, or ca, cert and key in [links]");
                return Err(Usage(message).into());
            }
        };
        let name = member.name.clone();
        given.blame(&LINK_FILES, Reloadable::new(move || LinkTls::read(&files, &name)).map(Some))
    }

    fn clients(&self, herd: &Herd, member: &Member, given: &Given) -> Result<Option<Reloadable<ClientTls>>> {
        let table = &herd.clients;
        let chosen = [(&self.clients_cert, &table.cert), (&self.clients_key, &table.key)];
        let files = match chosen.map(|(argument, named)| argument.clone().or_else(|| of(named, member))) {
            [Some(cert), Some(key)] => ClientFiles { cert, key },
            [None, None] => return Ok(None),
            _ => {
                let [cert, key] = CLIENT_FILES.map(|id| given.name(id));
                let message = format!(
                    "TLS for clients needs two files: {cert} and {key}, or cert and key in [clients]"
                );
                return Err(Usage(message).into());
            }
        };
        given.blame(&CLIENT_FILES, Reloadable::new(move || ClientTls::read(&files)).map(Some))
    }
}

/// The arguments that name files, by their fields.
const LINK_FILES: [&str; 3] = ["links_ca", "links_cert", "links_key"];
const CLIENT_FILES: [&str; 2] = ["clients_cert", "clients_key"];

/// A file that a herd file names for each of its nodes.
fn of(named: &Option<PathBuf>, member: &Member) -> Option<PathBuf> {
    Some(file_for(named.as_deref()?, &member.name))
}

/// A herd that is told nothing has an authority of its own, if all of it is on this machine: the first node makes it, and
/// each node its own certificate, renewed at a start when it ends soon.
fn own_authority(herd: &Herd, member: &Member) -> Result<Reloadable<LinkTls>> {
    if let Some(away) = herd.members.iter().find(|member| !member.is_on_loopback()) {
        return Err(Usage(format!(
            "the links of {} are not on loopback ({}), and need certificates: make them with `herd certs`, and name them with --links-ca, --links-cert and --links-key, or in [links]",
            away.name, if away.link.ip().is_loopback() { away.dialled() } else { away.link.into() }
        ))
        .into());
    }
    let folder = state_folder()?.join(plain_name(herd)?);
    let name = member.name.clone();
    Ok(Reloadable::new(move || LinkTls::read(&Authority::open_or_init(&folder)?.ensure(&name)?, &name))?)
}

/// Where this user's herds keep what is to last, by the XDG base directory specification.
fn state_folder() -> Result<PathBuf, Usage> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("herd"))
        .ok_or_else(|| {
            let message = "neither XDG_STATE_HOME nor HOME says where to keep certificates for links: set one, name certificates with --links-ca, --links-cert and --links-key, or choose --insecure-links";
            Usage(message.to_owned())
        })
}

/// The herd's name, if a folder can be called like it.
fn plain_name(herd: &Herd) -> Result<&str, Usage> {
    let mut parts = Path::new(&herd.name).components();
    match (parts.next(), parts.next()) {
        (Some(std::path::Component::Normal(only)), None) if only == herd.name.as_str() => Ok(&herd.name),
        _ => Err(Usage(format!(
            "a herd called {:?} has no folder for its certificates: choose a name without slashes or dots, or name certificates in [links]",
            herd.name
        ))),
    }
}
