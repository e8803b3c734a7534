//! Herds of any program that speaks the client protocol: started from a command, ready when it can be connected to.

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
use crate::cluster::processes::{Files, Launch, POLL, Processes, Ready, clean};

/// A command with places for what differs from node to node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
}

/// Runs a program, its arguments following, beside a guard that kills the whole process group when the guard's
/// standard input ends, which it does with the harness, however that ends. The program keeps the process id that the
/// harness knows, so that what is measured is the program alone.
const GUARDED: &str = r#"exec 3<&0; { read -r _ <&3; kill -KILL 0; } & exec "$@" 3<&- </dev/null"#;

impl Template {
    /// Reads a template such as `python3 peer.py {name} {file}`: words separated by white space, without quotes.
    /// `{name}` stands for the node's name, `{file}` for the path of the herd file, `{client}` and `{link}` for the
    /// node's addresses as host:port.
    ///
    /// # Errors
    /// There is no program, or nothing in it differs from node to node.
    pub fn parse(text: &str) -> Result<Template> {
        Template::of(text.split_whitespace().map(str::to_owned))
    }

    /// A template of words that may hold white space.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn of(words: impl IntoIterator<Item = String>) -> Result<Template> {
        let words: Vec<String> = words.into_iter().collect();
        let has = |place: &str| words.iter().skip(1).any(|word| word.contains(place));
        ensure!(
            ["{name}", "{client}"].into_iter().any(has),
            "`{}` runs every node alike: expected a program and {{name}} or {{client}} among its arguments, \
             such as `python3 node.py {{name}} {{file}}`",
            words.join(" ")
        );
        Ok(Template { words })
    }

    /// Prepares a herd of such nodes; none runs yet. They see no `HERD_*` and no proxy variables. What they write to
    /// standard output is in their logs, and the rest in files `NAME.stderr` beside them.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn herd(&self, file: HerdFile, folder: PathBuf) -> Result<Processes> {
        Processes::launched_by(Box::new(self.clone()), file, folder)
    }

    fn words_for<'a>(&'a self, node: &Member, files: &Files) -> impl Iterator<Item = String> + 'a {
        let places = [
            ("{name}", node.name.clone()),
            ("{file}", files.herd.display().to_string()),
            ("{client}", node.client.to_string()),
            ("{link}", node.link.to_string()),
        ];
        self.words.iter().map(move |word| {
            places.iter().fold(word.clone(), |word, (place, value)| word.replace(place, value))
        })
    }
}

/// The command that runs a program beside a guard that ends it with the harness, given a pipe as standard input and a
/// process group of its own.
pub(crate) fn guarded(words: impl Iterator<Item = String>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARDED, "sh"]).args(words);
    command
}

impl Launch for Template {
    fn program(&self) -> String {
        self.words.join(" ")
    }

    /// Only nodes of this workspace encrypt their links.
    fn certificates(&self, _name: &str) -> Option<LinkFiles> {
        None
    }

    fn command(&self, node: &Member, files: &Files) -> Result<Command> {
        let log = OpenOptions::new()
            .append(true)
            .open(&files.log)
            .with_context(|| format!("cannot write {}", files.log.display()))?;
        let mut command = guarded(self.words_for(node, files));
        command.stdout(log);
        clean(&mut command);
        Ok(command)
    }

    fn wait_ready(&self, node: &Member, process: &mut Child, deadline: Instant) -> Result<Option<Ready>> {
        while process.try_wait().context("cannot look after a node")?.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            if TcpStream::connect_timeout(&node.client, left.min(Duration::from_secs(1))).is_ok() {
                return Ok(Some(Ready::default()));
            }
            thread::sleep(POLL);
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

    /// A herd of two from a template, in a folder of its own; nothing listens at its addresses.
    fn herd_of(test: &str, words: &[&str]) -> (Processes, PathBuf) {
        let folder = std::env::temp_dir().join(format!("herd-foreign-{}-{test}", std::process::id()));
        let file = HerdFile::parse(&Graph::Line.herd_file(2, 1), "generated").unwrap();
        let template = Template::of(words.iter().map(|word| (*word).to_owned())).unwrap();
        (template.herd(file, folder.clone()).unwrap(), folder)
    }

    #[test]
    fn a_template_tells_its_nodes_apart() {
        for text in ["", "{name}", "node", "node {file}", "node name"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        let template = Template::parse(" node  {name} --listen={client},{link} {file}").unwrap();
        let file = HerdFile::find("2015-winter").unwrap();
        let [herd, log, errors] = ["a b/herd.toml", "log", "errors"].map(PathBuf::from);
        let words = template.words_for(&file.herd().members[0], &Files { herd, log, errors });
        let expected = ["node", "Alford", "--listen=127.0.0.1:12480,127.0.0.1:12580", "a b/herd.toml"];
        assert_eq!(words.collect::<Vec<String>>(), expected);
    }

    #[test]
    fn a_program_that_ends_is_told_at_once_with_its_node_and_its_last_words() {
        let (mut herd, folder) = herd_of("ends", &["sh", "-c", "echo $0 is too hot >&2; exit 3", "{name}"]);
        let started = Instant::now();
        let error = herd.start_all().unwrap_err().to_string();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(error.starts_with("Node1 did not get ready (exit status: 3): Node1 is too hot"), "{error}");
        assert!(error.contains("`sh -c") && error.contains("Node1.log"), "{error}");
        let (mut herd, _) = herd_of("ends", &["/no/such/program", "{name}"]);
        let error = herd.start_all().unwrap_err().to_string();
        assert!(error.contains("exit status: 127") && error.contains("/no/such/program"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_program_does_not_outlive_the_harness_however_that_ends() {
        let (herd, folder) = herd_of("outlives", &["sleep", "{name}"]);
        let template = Template::of(["sh", "-c", "sleep 600; :", "{name}"].map(str::to_owned)).unwrap();
        let member = herd.member("Node1").unwrap();
        let log = herd.log("Node1");
        let files = Files { herd: log.clone(), errors: log.clone(), log };
        let mut command = template.command(member, &files).unwrap();
        let mut process = command.process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        assert!(process.try_wait().unwrap().is_none());
        // The system closes the harness's end of the pipe when it dies; `wait` would do it here too.
        drop(process.stdin.take());
        assert_eq!(process.wait().unwrap().signal(), Some(9));
        fs::remove_dir_all(folder).unwrap();
    }
}
