//! Finds or downloads Prometheus and promtool, and runs a Prometheus that watches a herd.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cluster::admin_client;

/// The programs that are needed.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// The timeout until Prometheus answers its first request.
const READY: Duration = Duration::from_secs(30);

/// The time between two of these requests.
const POLL: Duration = Duration::from_millis(100);

/// Downloads Debian's package to the current folder and unpacks it there, without root. Fails
/// quickly if there is no network.
const FETCH: &str = "apt-get -q -o Acquire::Retries=0 -o Acquire::http::Timeout=15 download prometheus \
     && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb";

/// The folder of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools(PathBuf);

impl Tools {
    /// Finds the programs on `PATH` or in `folder`. If they are in neither, downloads Debian's
    /// package and unpacks it in `folder`.
    ///
    /// # Errors
    /// The programs are not found and cannot be downloaded. The message is one sentence that says
    /// how to install them.
    pub fn get(folder: &Path) -> Result<Tools> {
        Tools::get_from(&env::var_os("PATH").unwrap_or_default(), folder, fetch)
    }

    fn get_from(
        path: &std::ffi::OsStr,
        folder: &Path,
        fetch: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Tools> {
        let unpacked = folder.join("usr/bin");
        let find = || env::split_paths(path).chain([unpacked.clone()]).find(|folder| holds_all(folder));
        if let Some(found) = find() {
            return Ok(Tools(found));
        }
        fetch(folder).context(
            "Prometheus is not on PATH and Debian's package cannot be downloaded: \
             install Prometheus (`apt-get install prometheus`) or put prometheus and promtool on PATH",
        )?;
        Ok(Tools(
            find().context("Debian's package has no programs prometheus and promtool; install Prometheus")?,
        ))
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.0.join(name))
    }

    /// Runs promtool in `folder`, with the file `input` as standard input.
    ///
    /// # Errors
    /// Promtool cannot be run, or finds a mistake. The message has its output.
    pub fn promtool(&self, arguments: &[&str], folder: &Path, input: Option<&Path>) -> Result<()> {
        let stdin = input.map_or_else(|| Ok(Stdio::null()), |input| File::open(input).map(Stdio::from))?;
        let output = self.program("promtool").args(arguments).current_dir(folder).stdin(stdin).output();
        let output = output.context("cannot run promtool")?;
        ensure!(output.status.success(), "promtool {} found:\n{}", arguments.join(" "), text_of(&output));
        Ok(())
    }
}

fn holds_all(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

fn fetch(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let output = Command::new("sh").args(["-c", FETCH]).current_dir(folder).output()?;
    ensure!(output.status.success(), "{}", text_of(&output).lines().last().unwrap_or_default());
    Ok(())
}

/// Everything that a program wrote to standard output and standard error.
fn text_of(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr)).trim().to_owned()
}

/// A running Prometheus on the loopback interface. It ends when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    address: SocketAddr,
}

/// A firing alert: its name, and the node that it is about.
pub type Firing = (String, String);

impl Prometheus {
    /// Starts Prometheus at `address`, with its files in `folder`. It scrapes `nodes` and evaluates
    /// `rules` every second.
    ///
    /// # Errors
    /// Prometheus does not start. The message has its log.
    pub fn start(
        tools: &Tools,
        folder: &Path,
        address: SocketAddr,
        nodes: &[(String, SocketAddr)],
        rules: &str,
    ) -> Result<Prometheus> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(folder.join("herd.rules.yml"), rules)?;
        fs::write(folder.join("prometheus.yml"), configuration(nodes))?;
        let log = folder.join("log");
        // When this process ends, even by a kill, the shell's standard input closes. Then the shell
        // kills Prometheus.
        let mut command = Command::new("sh");
        command.args(["-c", "\"$@\" & cat > /dev/null; kill $!; wait", "sh"]).arg(tools.0.join("prometheus"));
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]);
        command.arg(format!("--web.listen-address={address}")).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let process = command.spawn().context("cannot run Prometheus")?;
        let prometheus = Prometheus { process, address };
        let deadline = Instant::now() + READY;
        while prometheus.firing().is_err() {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            ensure!(Instant::now() < deadline, "Prometheus did not answer within {READY:?}:\n{}", log());
            thread::sleep(POLL);
        }
        Ok(prometheus)
    }

    /// Returns the alerts that are firing.
    ///
    /// # Errors
    /// Prometheus does not answer.
    pub fn firing(&self) -> Result<BTreeSet<Firing>> {
        let answer: Value = serde_json::from_str(&admin_client::get(self.address, "/api/v1/alerts")?)?;
        let alerts = answer["data"]["alerts"].as_array().context("expected a list of alerts")?;
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing").map(|alert| &alert["labels"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(firing.map(|labels| (text(&labels["alertname"]), text(&labels["node"]))).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The configuration of a Prometheus that scrapes nodes every second.
fn configuration(nodes: &[(String, SocketAddr)]) -> String {
    let mut text = "\
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [herd.rules.yml]
scrape_configs:
  - job_name: herd
    static_configs:
"
    .to_owned();
    for (name, address) in nodes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "      - {{ targets: [\"{address}\"], labels: {{ node: {name} }} }}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn scratch(test: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("herd-prometheus-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn put_programs(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        PROGRAMS.iter().for_each(|program| fs::write(folder.join(program), "").unwrap());
    }

    #[test]
    fn programs_on_the_path_are_preferred_to_those_downloaded_before() {
        let folder = scratch("path");
        put_programs(&folder.join("usr/bin"));
        let unused = |_: &Path| bail!("the test must not download anything");
        assert_eq!(Tools::get_from("".as_ref(), &folder, unused).unwrap(), Tools(folder.join("usr/bin")));
        put_programs(&folder.join("bin"));
        let path = folder.join("bin");
        assert_eq!(Tools::get_from(path.as_os_str(), &folder, unused).unwrap(), Tools(path));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn missing_programs_are_downloaded() {
        let folder = scratch("fetch");
        let fetch = |folder: &Path| {
            put_programs(&folder.join("usr/bin"));
            Ok(())
        };
        assert_eq!(Tools::get_from("".as_ref(), &folder, fetch).unwrap(), Tools(folder.join("usr/bin")));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn without_a_network_one_sentence_says_how_to_install_them() {
        let folder = scratch("offline");
        let error = Tools::get_from("".as_ref(), &folder, |_| bail!("no network")).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("apt-get install prometheus") && text.ends_with(": no network"), "{text}");
        assert!(!text.contains('\n'), "{text}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
