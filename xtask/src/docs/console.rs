//! The commands of the pages, run as a reader would run them.
//!
//! A block is run if its fence says `console` and not `no_run`. Each `$ ` line is a command, and
//! the lines after it are what it prints, standard error included: `...` on a line stands for any
//! lines, `[..]` in a line for any text. Without such lines the output does not matter. A command
//! must exit with 0.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::markdown::Block;

/// How long a command may take, the builds that it causes included.
const DEADLINE: Duration = Duration::from_secs(600);

/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A command and what it should print.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    expected: Vec<String>,
}

/// Where the commands of a page run.
#[derive(Debug)]
pub(super) struct Console {
    /// The current folder of every command; it must lie in a checkout for `cargo xtask` to work.
    pub(super) folder: PathBuf,
    /// The folder of the `herd` program.
    pub(super) programs: PathBuf,
}

/// Whether a block's commands are to be run.
pub(super) fn is_run(block: &Block) -> bool {
    let has = |word: &str| block.words.iter().any(|given| given == word);
    has("console") && !has("no_run")
}

impl Console {
    /// Runs the commands of a block, one after the other.
    ///
    /// # Errors
    /// The first command that fails, takes too long, or prints something else.
    pub(super) fn run(&self, block: &Block) -> Result<()> {
        for Step { command, expected } in steps(&block.text)? {
            let printed = self.output(&command).with_context(|| format!("`{command}`"))?;
            let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
            let expected: Vec<&str> = expected.iter().map(|line| line.trim_end()).collect();
            let fits = expected.is_empty() || matches(&expected, &lines);
            ensure!(fits, "`{command}` does not print what the page says, but:\n{}", lines.join("\n"));
        }
        Ok(())
    }

    /// What a command prints.
    fn output(&self, command: &str) -> Result<String> {
        let file = self.folder.join(".output");
        let out = File::create(&file).context("cannot write its output")?;
        let mut child =
            self.shell(command).stdout(out.try_clone()?).stderr(out).spawn().context("cannot run bash")?;
        let status = wait(&mut child)?;
        let printed =
            String::from_utf8_lossy(&fs::read(&file).context("cannot read its output")?).into_owned();
        match status {
            Some(0) => Ok(printed),
            Some(code) => bail!("exit code {code}:\n{printed}"),
            None => bail!("killed by a signal:\n{printed}"),
        }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(&self.folder).process_group(0);
        // Settings of the caller's herd do not count for this one.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["HERD_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|own| text.starts_with(own))
            {
                shell.env_remove(&name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .stdin(std::process::Stdio::null())
            .env_remove("COLUMNS")
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("CARGO_TERM_QUIET", "true")
            .env("XDG_STATE_HOME", self.folder.join(".state"))
            .env("XTASK_RUN_DIR", self.folder.join(".herd"));
        shell
    }

    /// Stops the herd that commands may have left running.
    pub(super) fn clean_up(&self) {
        let _ = self.output("cargo xtask herd-down");
    }
}

/// Waits for a command; kills it and what it has started at the deadline. Returns its exit code.
fn wait(child: &mut Child) -> Result<Option<i32>> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for it")? {
            return Ok(status.code());
        }
        if Instant::now() > deadline {
            let group = Pid::from_raw(i32::try_from(child.id()).context("its process id is too large")?);
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait();
            bail!("it takes longer than {DEADLINE:?}: mark its block no_run, or make it quicker");
        }
        thread::sleep(POLL);
    }
}

/// The commands of a block. A line that ends with `\` goes on in the next one.
fn steps(text: &str) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (_, Some(step)) if goes_on => step.command += &format!("\n{line}"),
            (Some(command), _) => steps.push(Step { command: command.to_owned(), expected: Vec::new() }),
            (None, Some(step)) => step.expected.push(line.to_owned()),
            (None, None) => bail!("the block begins with output: commands begin with `$ `"),
        }
        goes_on = line.ends_with('\\');
    }
    Ok(steps)
}

/// Whether lines fit what is expected of them.
fn matches(expected: &[&str], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((&"...", rest)), None) => matches(rest, lines),
        (Some((&"...", rest)), Some((_, later))) => matches(rest, lines) || matches(expected, later),
        (Some((pattern, rest)), Some((line, later))) => fits(pattern, line) && matches(rest, later),
        _ => false,
    }
}

/// Whether a line fits a pattern in which `[..]` stands for any text.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(part) => line.ends_with(part),
    }
}

/// The folder for the commands of a page, emptied, with a link to the fixtures.
///
/// # Errors
/// It cannot be made.
pub(super) fn folder_for(page: &Path, root: &Path, below: &Path) -> Result<PathBuf> {
    let folder = below.join(page.with_extension("").to_string_lossy().replace('/', "-"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::os::unix::fs::symlink(root.join("fixtures"), folder.join("fixtures"))
        .context("cannot link the fixtures")?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        Block { words: vec!["console".to_owned()], text: text.to_owned(), line: 1 }
    }

    fn console(name: &str) -> Console {
        let folder = fixtures::checkout::scratch(name);
        Console { programs: folder.clone(), folder }
    }

    #[test]
    fn output_fits_with_any_lines_and_any_text_where_the_page_says_so() {
        for (expected, lines, fitting) in [
            (&["a"][..], &["a"][..], true),
            (&["a"], &["a", "b"], false),
            (&["a", "..."], &["a", "b", "c"], true),
            (&["...", "c"], &["a", "b", "c"], true),
            (&["...", "c", "..."], &["a", "b"], false),
            (&["x[..]y"], &["x1y"], true),
            (&["x[..]y"], &["x1yz"], false),
            (&["[..]y"], &["yxy"], true),
            (&["x[..]"], &["x"], true),
        ] {
            assert_eq!(matches(expected, lines), fitting, "{expected:?} {lines:?}");
        }
    }

    #[test]
    fn commands_run_in_order_in_one_folder_and_must_succeed() {
        let console = console("docs-console");
        console.run(&block("$ echo one > file\n$ cat file; echo two >&2\none\ntwo\n")).unwrap();
        console.run(&block("$ printf '%s\\n' \\\n  a\na\n")).unwrap();
        for (text, problem) in [
            ("$ false\n", "exit code 1"),
            ("$ echo one\ntwo\n", "does not print what the page says, but:\none"),
            ("one\n", "begins with output"),
        ] {
            let error = format!("{:#}", console.run(&block(text)).unwrap_err());
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn only_console_blocks_without_no_run_are_run() {
        let with =
            |words: &[&str]| Block { words: words.iter().map(ToString::to_string).collect(), ..block("") };
        assert!(is_run(&with(&["console"])));
        assert!(!is_run(&with(&["console", "no_run"])));
        assert!(!is_run(&with(&["sh"])));
    }
}
