//! Herds of guests: programs that speak the client protocol and are not ours. A command starts a
//! node, and a node is ready when its client port accepts a connection.

use std::fs::OpenOptions;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use herd::config::Member;
use herd::tls::LinkFiles;

use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Launch, NodeFiles, PROCESS_POLL, Processes, ReadyNode, clean_environment};

/// A command with placeholders for the name, file and addresses of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
    /// Whether standard error goes to the log, too.
    logs_errors: bool,
}

/// A shell script that runs its arguments as a program, beside a guard. The guard kills the whole
/// process group when its standard input closes, which happens when the harness exits, even if it
/// crashes. The program gets the process id that the harness knows, so that measurements are of the
/// program alone.
const GUARDED: &str = r#"exec 3<&0; { read -r _ <&3; kill -KILL 0; } & exec "$@" 3<&- </dev/null"#;

impl Template {
    /// Returns the template of words, which may contain white space. `{name}` stands for the node's
    /// name, `{file}` for the path of the herd file, `{client}` and `{link}` for the node's
    /// addresses as host:port.
    ///
    /// # Errors
    /// There is no program, or no argument contains `{name}` or `{client}`, so all nodes would be
    /// the same.
    pub fn of(words: impl IntoIterator<Item = String>) -> Result<Template> {
        let words: Vec<String> = words.into_iter().collect();
        let has = |placeholder: &str| words.iter().skip(1).any(|word| word.contains(placeholder));
        ensure!(
            ["{name}", "{client}"].into_iter().any(has),
            "`{}` would run the same command for every node: write {{name}} or {{client}} among the \
             arguments of a program, as in `python3 node.py {{name}} {{file}}`",
            words.join(" ")
        );
        Ok(Template { words, logs_errors: false })
    }

    /// Returns the same template with standard error in the log, for people who read the log.
    pub(crate) fn logging_errors(self) -> Template {
        Template { logs_errors: true, ..self }
    }

    /// Prepares a herd of such nodes; none runs yet. Nodes do not inherit `HERD_*` and proxy
    /// variables. Their standard output goes to their logs, and their standard error to
    /// `NAME.stderr` in the same folder, or to the log as well.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn herd(&self, file: HerdFile, folder: PathBuf) -> Result<Processes> {
        Processes::launched_by(Box::new(self.clone()), file, folder)
    }

    fn words_for<'a>(&'a self, node: &Member, files: &NodeFiles) -> impl Iterator<Item = String> + 'a {
        let values = [
            ("{name}", node.name.clone()),
            ("{file}", files.herd.display().to_string()),
            ("{client}", node.client.to_string()),
            ("{link}", node.link.to_string()),
        ];
        self.words.iter().map(move |word| {
            values.iter().fold(word.clone(), |word, (placeholder, value)| word.replace(placeholder, value))
        })
    }
}

/// Returns a command that runs a program beside a guard, which kills the program when the harness
/// exits. The caller gives the command a pipe as standard input and its own process group.
pub(crate) fn guarded(words: impl Iterator<Item = String>) -> Command {
    guarded_with(false, words)
}

/// Returns the same command. `joins_errors` sends the program's standard error to its standard
/// output.
fn guarded_with(joins_errors: bool, words: impl Iterator<Item = String>) -> Command {
    let script = if joins_errors { format!("{GUARDED} 2>&1") } else { GUARDED.to_owned() };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, "sh"]).args(words);
    command
}

impl Launch for Template {
    fn program(&self) -> String {
        self.words.join(" ")
    }

    /// Guests have no certificates: only nodes of this workspace encrypt their links.
    fn certificates(&self, _name: &str) -> Option<LinkFiles> {
        None
    }

    fn command(&self, node: &Member, files: &NodeFiles) -> Result<Command> {
        let log = OpenOptions::new()
            .append(true)
            .open(&files.log)
            .with_context(|| format!("cannot write {}", files.log.display()))?;
        let mut command = guarded_with(self.logs_errors, self.words_for(node, files));
        command.stdout(log);
        clean_environment(&mut command);
        Ok(command)
    }

    fn wait_ready(&self, node: &Member, process: &mut Child, deadline: Instant) -> Result<Option<ReadyNode>> {
        let cannot_poll = || format!("cannot poll the process of {}", node.name);
        while process.try_wait().with_context(cannot_poll)?.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            if TcpStream::connect_timeout(&node.client, left.min(Duration::from_secs(1))).is_ok() {
                return Ok(Some(ReadyNode::default()));
            }
            thread::sleep(PROCESS_POLL);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Stdio;

    use super::*;
    use crate::cluster::graphs::Graph;

    /// A herd of two nodes from a template, and its folder. Nothing listens at its addresses.
    fn herd_of(test: &str, words: &[&str]) -> (Processes, PathBuf) {
        let folder = std::env::temp_dir().join(format!("herd-guests-{}-{test}", std::process::id()));
        let file = HerdFile::parse(&Graph::Line.herd_file(2, 1), "generated").unwrap();
        let template = Template::of(words.iter().map(|word| (*word).to_owned())).unwrap();
        (template.herd(file, folder.clone()).unwrap(), folder)
    }

    #[test]
    fn a_template_gives_each_node_its_own_words() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
        for text in ["", "{name}", "node", "node {file}", "node name"] {
            assert!(Template::of(words(text)).is_err(), "{text}");
        }
        let template = Template::of(words("node {name} --listen={client},{link} {file}")).unwrap();
        let file = HerdFile::find("2015-winter").unwrap();
        let [herd, log, errors] = ["a b/herd.toml", "log", "errors"].map(PathBuf::from);
        let filled =
            template.words_for(&file.herd().members[0], &NodeFiles { herd, log, errors, program: None });
        let expected = ["node", "Alford", "--listen=127.0.0.1:12480,127.0.0.1:12580", "a b/herd.toml"];
        assert_eq!(filled.collect::<Vec<String>>(), expected);
    }

    #[test]
    fn a_program_that_exits_is_an_error_at_once_with_its_node_and_its_last_words() {
        let (mut herd, folder) = herd_of("exits", &["sh", "-c", "echo $0 is too hot >&2; exit 3", "{name}"]);
        let started = Instant::now();
        let error = herd.start_all().unwrap_err().to_string();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(error.starts_with("Node1 did not get ready (exit status: 3): Node1 is too hot"), "{error}");
        assert!(error.contains("`sh -c") && error.contains("Node1.log"), "{error}");
        let (mut herd, _) = herd_of("exits", &["/no/such/program", "{name}"]);
        let error = herd.start_all().unwrap_err().to_string();
        assert!(error.contains("exit status: 127") && error.contains("/no/such/program"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_program_does_not_outlive_a_harness_that_crashes() {
        let (herd, folder) = herd_of("outlives", &["sleep", "{name}"]);
        let template = Template::of(["sh", "-c", "sleep 600; :", "{name}"].map(str::to_owned)).unwrap();
        let member = herd.member("Node1").unwrap();
        let log = herd.log("Node1");
        let files = NodeFiles { herd: log.clone(), errors: log.clone(), log, program: None };
        let mut command = template.command(member, &files).unwrap();
        let mut process = command.process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        assert!(process.try_wait().unwrap().is_none());
        // As the system does when the harness dies.
        drop(process.stdin.take());
        assert_eq!(process.wait().unwrap().signal(), Some(9));
        fs::remove_dir_all(folder).unwrap();
    }
}
