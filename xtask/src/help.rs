//! The help of `cargo xtask`, with its commands in groups. clap cannot group subcommands, so this
//! file formats the list of commands and inserts it into clap's template.

use clap::Command;

/// The groups and their commands, in the order of the help.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Run a herd",
        &[
            "herd-up",
            "herd-down",
            "herd-status",
            "herd-restart",
            "herd-kill",
            "herd-pause",
            "herd-cut",
            "herd-heal",
            "herd-logs",
            "say",
            "tap",
            "dashboard",
        ],
    ),
    (
        "Test",
        &["e2e", "conformance", "chaos", "bugs", "broadcast", "check-history", "alerts", "fuzz", "mutants"],
    ),
    ("Measure", &["load", "compare", "scale", "limits", "resilience"]),
    ("Maintain", &["ci", "words", "docs", "page", "places-data", "deploy-check", "deb", "image", "manuals"]),
];

/// Returns `command` with its subcommands in groups in its help.
pub(crate) fn with_groups(command: Command) -> Command {
    let groups: String = GROUPS.iter().map(|(title, names)| group_help(&command, title, names)).collect();
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n       cargo xtask help <COMMAND>  \
         (shows the arguments of a command)\n\n{}\n",
        groups.trim_end()
    ))
}

/// Returns the title of a group and a line for each of its commands.
fn group_help(command: &Command, title: &str, names: &[&str]) -> String {
    let line = |name: &&str| {
        let about = command.find_subcommand(name).and_then(Command::get_about).unwrap_or_default();
        format!("  {name:<13}  {about}\n")
    };
    format!("{title}:\n{}\n", names.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Cli;

    #[test]
    fn every_command_is_in_exactly_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        grouped.sort_unstable();
        let command = Cli::command();
        let mut all: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }

    #[test]
    fn the_help_fits_a_screen_of_48_lines_and_80_columns() {
        let help = with_groups(Cli::command()).render_help().to_string();
        assert!(help.lines().count() <= 48, "{} lines:\n{help}", help.lines().count());
        let widest = help.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 80, "{widest}");
    }
}
