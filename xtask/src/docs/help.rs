//! Pages made of a program's `--help`: one section for each of its commands.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The page of a program: what it is called, its introduction, and the help of every command.
///
/// # Errors
/// The program cannot be run, or does not know a command that its help names.
pub(super) fn page(program: &Path, name: &str, introduction: &str) -> Result<String> {
    let mut page = format!("# `{name}`\n\n{introduction}\n");
    add(&mut page, program, name, &mut Vec::new())?;
    Ok(page)
}

/// Appends the help of a command, and then that of its subcommands.
fn add(page: &mut String, program: &Path, name: &str, command: &mut Vec<String>) -> Result<()> {
    let text = help(program, command)?;
    if !command.is_empty() {
        *page += &format!("\n## `{name} {}`\n", command.join(" "));
    }
    *page += &format!("\n```text\n{text}```\n");
    for inner in commands_in(&text) {
        command.push(inner);
        add(page, program, name, command)?;
        command.pop();
    }
    Ok(())
}

/// What a program prints for `--help`, whatever the environment of this process.
fn help(program: &Path, command: &[String]) -> Result<String> {
    let mut run = Command::new(program);
    run.args(command).arg("--help").env_remove("COLUMNS");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HERD_")) {
        run.env_remove(name);
    }
    let output = run.output().with_context(|| format!("cannot run {}", program.display()))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} {} --help fails: {told}", program.display(), command.join(" "));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.trim_end().lines().map(|line| line.trim_end().to_owned() + "\n");
    Ok(lines.collect())
}

/// The commands that a help text lists: indented by two, in lower case, with their help behind two
/// spaces or below. `help` itself is left out.
fn commands_in(text: &str) -> Vec<String> {
    let command = |line: &str| {
        let entry = line.strip_prefix("  ")?;
        let name = entry.split("  ").next().unwrap_or(entry);
        let is_name = name.starts_with(|letter: char| letter.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_lowercase() || "-0123456789".contains(letter));
        (is_name && name != "help").then(|| name.to_owned())
    };
    text.lines().filter_map(command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_under_any_heading() {
        let text = "Usage: x <COMMAND>\n\n  IAMAT <id>  words\n\nRun:\n  herd-up  Start\n  e2e      Play\n           more\n\
            Other:\n  help     Print help\n  ci\n\nOptions:\n  -h, --help  Print help\n  <NAME>  a name\n";
        assert_eq!(commands_in(text), ["herd-up", "e2e", "ci"]);
    }
}
