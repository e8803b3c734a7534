//! The arguments that configure TLS for links and clients.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use herd::config::{Herd, Member, file_for};
use herd::tls::{Authority, ClientFiles, ClientTls, Encryption, LinkFiles, LinkTls, Reloadable};

use super::given::Given;
use super::usage::Usage;
use super::values::switch;

#[derive(Debug, Args)]
#[command(next_help_heading = "Links")]
pub(super) struct TlsArgs {
    /// Accept neighbours with a certificate signed by this certificate authority [default: a herd
    /// on loopback makes its own in $XDG_STATE_HOME/herd]
    #[arg(long, env = "HERD_LINKS_CA", value_name = "FILE")]
    links_ca: Option<PathBuf>,

    /// Use this certificate for links
    #[arg(long, env = "HERD_LINKS_CERT", value_name = "FILE")]
    links_cert: Option<PathBuf>,

    /// Use this private key of --links-cert, which must be readable by its owner only
    #[arg(long, env = "HERD_LINKS_KEY", value_name = "FILE")]
    links_key: Option<PathBuf>,

    /// Use plain TCP for links, on loopback only: any local process can then act as a neighbour
    #[arg(long, env = "HERD_INSECURE_LINKS", value_parser = switch)]
    insecure_links: bool,

    /// Serve clients over TLS with this certificate
    #[arg(long, help_heading = "Clients", env = "HERD_CLIENTS_CERT", value_name = "FILE")]
    clients_cert: Option<PathBuf>,

    /// Use this private key of --clients-cert, which must be readable by its owner only
    #[arg(long, help_heading = "Clients", env = "HERD_CLIENTS_KEY", value_name = "FILE")]
    clients_key: Option<PathBuf>,
}

impl TlsArgs {
    /// The encryption of the links and clients of `member`.
    ///
    /// # Errors
    /// [`Usage`] if some of the files that belong together are not given. Another error if a file
    /// cannot be used.
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
                let message = format!(
                    "TLS for links needs three files: {ca}, {cert} and {key}, or ca, cert and key in [links]"
                );
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

/// The fields of the arguments that name files.
const LINK_FILES: [&str; 3] = ["links_ca", "links_cert", "links_key"];
const CLIENT_FILES: [&str; 2] = ["clients_cert", "clients_key"];

/// The file of `member`, if a herd file names one for its nodes.
fn of(named: &Option<PathBuf>, member: &Member) -> Option<PathBuf> {
    Some(file_for(named.as_deref()?, &member.name))
}

/// The certificates of a herd that names none and whose links are all on loopback. The first node
/// makes an authority in the user's state folder. Each node makes its certificate, and renews it at
/// a start if it expires soon.
fn own_authority(herd: &Herd, member: &Member) -> Result<Reloadable<LinkTls>> {
    if let Some(away) = herd.members.iter().find(|member| !member.is_on_loopback()) {
        return Err(Usage(format!(
            "the link address of {} is not on loopback ({}), so links need certificates: make them with `herd certs`, and name them with --links-ca, --links-cert and --links-key, or in [links]",
            away.name, if away.link.ip().is_loopback() { away.dialled() } else { away.link.into() }
        ))
        .into());
    }
    let folder = state_folder()?.join(plain_name(herd)?);
    let name = member.name.clone();
    Ok(Reloadable::new(move || LinkTls::read(&Authority::open_or_init(&folder)?.ensure(&name)?, &name))?)
}

/// The folder for the state of this user's herds, by the XDG base directory specification.
fn state_folder() -> Result<PathBuf, Usage> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("herd"))
        .ok_or_else(|| {
            let message = "cannot find a folder for the certificates of links, since neither XDG_STATE_HOME nor HOME is set: set one of them, name certificates with --links-ca, --links-cert and --links-key, or use --insecure-links";
            Usage(message.to_owned())
        })
}

/// The herd's name, if it can be the name of a folder.
fn plain_name(herd: &Herd) -> Result<&str, Usage> {
    let mut parts = Path::new(&herd.name).components();
    match (parts.next(), parts.next()) {
        (Some(std::path::Component::Normal(only)), None) if only == herd.name.as_str() => Ok(&herd.name),
        _ => Err(Usage(format!(
            "cannot name a folder for certificates after the herd {:?}: choose a name without slashes or dots, or name certificates in [links]",
            herd.name
        ))),
    }
}
