//! What the judge does first: it prepares the place in which guests run.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::getpid;

use super::{Mode, loopback, system_files};

/// What the judge prepares.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The host names that lead to 127.0.0.1.
    pub hosts: &'a [String],
    /// The certificate of the authority that clients should trust, as PEM.
    pub ca_pem: &'a str,
    /// The folder of the run. The table of hosts and the bundle of certificates are written there.
    pub run_folder: &'a Path,
}

/// Settings of a network that this suite made: no port waits for the packets of connections that
/// have ended, so a node can listen at once where another one did; and every port may be used.
const NETWORK_SETTINGS: [(&str, &str); 2] =
    [("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0"), ("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")];

/// The variables that lead programs to the bundle of certificates.
const BUNDLE_VARIABLES: [&str; 4] =
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"];

/// The prepared place. Dropping it takes back what was changed in a container.
#[derive(Debug)]
pub struct Entered {
    mode: Mode,
    bundle: PathBuf,
    edited: Edited,
    /// What could not be done, one sentence each.
    pub notes: Vec<String>,
}

/// The files of the system that have been edited, until they are restored.
#[derive(Clone, Debug, Default)]
struct Edited(Arc<Mutex<Vec<PathBuf>>>);

/// Prepares the place in which guests run. From then on the judge dies when its standard input
/// closes. It must be called before other threads start: they would not leave signals to it.
///
/// # Errors
/// - A file of the run folder cannot be written.
/// - The network that was made for the judge does not work.
pub fn enter(mode: Mode, setup: &Setup<'_>) -> Result<Entered> {
    let folder = setup.run_folder.join("sandbox");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let hosts = folder.join("hosts");
    let bundle = folder.join("certificates.pem");
    let table = system_files::hosts(setup.hosts);
    fs::write(&hosts, &table).with_context(|| format!("cannot write {}", hosts.display()))?;
    fs::write(&bundle, format!("{}\n{}", system_files::trusted(), setup.ca_pem))
        .with_context(|| format!("cannot write {}", bundle.display()))?;
    let mut entered = Entered { mode, bundle, edited: Edited::default(), notes: Vec::new() };
    match mode {
        Mode::Namespaces => {
            loopback::bring_up()?;
            for (file, value) in NETWORK_SETTINGS {
                // Older systems do not let namespaces choose; the herd then retries.
                let _ = fs::write(file, value);
            }
            entered.show_files(&hosts);
        }
        Mode::Container => entered.edit_files(&table, setup.ca_pem)?,
        Mode::Plain => {}
    }
    end_with_standard_input(entered.edited.clone());
    Ok(entered)
}

impl Entered {
    /// Returns the environment variables for guests: those that name the bundle of certificates,
    /// which has the system's and that of the authority.
    pub fn variables(&self) -> Vec<(String, String)> {
        let bundle = self.bundle.display().to_string();
        BUNDLE_VARIABLES.iter().map(|name| ((*name).to_owned(), bundle.clone())).collect()
    }

    /// Returns the bytes that loopback has carried, if nothing but the judge and guests uses it.
    pub fn bytes_on_loopback(&self) -> Option<u64> {
        match self.mode {
            Mode::Namespaces | Mode::Container => loopback::bytes(),
            Mode::Plain => None,
        }
    }

    fn show_files(&mut self, hosts: &Path) {
        let files = system_files::bundles().into_iter().map(|path| (path, self.bundle.clone()));
        let files: Vec<_> = files.chain([(PathBuf::from(system_files::HOSTS), hosts.to_owned())]).collect();
        for (target, file) in files {
            if let Err(error) = system_files::replace(&target, &file) {
                self.notes.push(format!("Guests may look in the wrong place: {error:#}."));
            }
        }
    }

    fn edit_files(&mut self, table: &str, ca_pem: &str) -> Result<()> {
        restore_on_signals(self.edited.clone())?;
        let bundles = system_files::bundles().into_iter().map(|path| (path, ca_pem, false));
        for (path, text, first) in bundles.chain([(PathBuf::from(system_files::HOSTS), table, true)]) {
            self.edited.lock().push(path.clone());
            if let Err(error) = system_files::add_block(&path, text, first) {
                self.notes.push(format!("Guests may look in the wrong place: {error:#}."));
            }
        }
        Ok(())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.edited.restore();
    }
}

impl Edited {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Restores the files. What cannot be restored is left to the next run.
    fn restore(&self) {
        for path in self.lock().drain(..) {
            let _ = system_files::remove_block(&path);
        }
    }

    /// Restores the files and kills this process. Its keepers end with it.
    fn restore_and_die(&self) {
        self.restore();
        let _ = kill(getpid(), Signal::SIGKILL);
    }
}

fn restore_on_signals(edited: Edited) -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().context("cannot block signals")?;
    thread::spawn(move || {
        if signals.wait().is_ok() {
            edited.restore_and_die();
        }
    });
    Ok(())
}

fn end_with_standard_input(edited: Edited) {
    thread::spawn(move || {
        let mut ignored = [0; 1024];
        while std::io::stdin().read(&mut ignored).is_ok_and(|length| length > 0) {}
        edited.restore_and_die();
    });
}
