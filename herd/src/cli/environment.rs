//! Reading the command line, with the environment variables that stand in for flags.
//!
//! An empty variable counts as unset. Subcommands ignore the variables of a node. A message names
//! the source of a wrong value: the flag or the variable.

use std::env;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, Error, FromArgMatches};

use herd::nearest::{did_you_mean, nearest};
use herd::printable;

use super::flags::Cli;
use super::given::{Given, variable};
use super::places_args::OWN_VARIABLES;

/// The prefix of the names of this program's variables.
const PREFIX: &str = "HERD_";

/// Reads the arguments of this process.
///
/// # Errors
/// The arguments are wrong, or ask for help.
pub(super) fn parse() -> Result<Cli, Error> {
    let words: Vec<OsString> = env::args_os().collect();
    let typed = with_variables(Cli::command(), &|_| false).try_get_matches_from(&words);
    let has_subcommand = match typed {
        Ok(matches) => matches.subcommand_name().is_some(),
        Err(error) if error.use_stderr() => return Err(explained(error, &words)),
        // Help shows all variables.
        Err(_) => Cli::command().try_get_matches_from(&words)?.subcommand_name().is_some(),
    };
    let is_used = |arg: &Arg| variable(arg).and_then(env::var_os).is_none_or(|value| !value.is_empty());
    let mut command = if has_subcommand {
        Cli::command().mut_args(without_variable).mut_subcommands(|tool| with_variables(tool, &is_used))
    } else {
        with_variables(Cli::command(), &is_used)
    };
    command.build();
    let matches =
        command.clone().try_get_matches_from(&words).map_err(|error| naming_variable(error, &command))?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.given = Given::of(&command, &matches);
    Ok(cli)
}

/// Warnings about variables that have this program's prefix and are unknown to it, such as misspelt
/// ones.
pub(super) fn unknown_variables() -> Vec<String> {
    let command = Cli::command();
    let known: Vec<&str> = arguments(&command).filter_map(variable).chain(OWN_VARIABLES).collect();
    let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let unknown = names.filter(|name| name.starts_with(PREFIX) && !known.contains(&name.as_str()));
    let warning = |name: String| {
        let hint = did_you_mean(&name, known.iter().copied());
        let name = printable::line(name.as_bytes());
        format!("the environment variable {name} is unknown and ignored{hint}")
    };
    unknown.map(warning).collect()
}

/// The command with the variables that `is_used` accepts, and no others.
fn with_variables(command: Command, is_used: &dyn Fn(&Arg) -> bool) -> Command {
    let keep = |arg: Arg| if is_used(&arg) { arg } else { without_variable(arg) };
    command.mut_args(keep).mut_subcommands(|tool| with_variables(tool, is_used))
}

fn without_variable(arg: Arg) -> Arg {
    arg.env(Resettable::Reset)
}

/// A clearer error for a second word, which clap takes for a subcommand that conflicts with the
/// node in the first word: the first may be a misspelt command.
fn explained(error: Error, words: &[OsString]) -> Error {
    let Some(ContextValue::String(second)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let first = words.iter().skip(1).find_map(|word| word.to_str().filter(|word| !word.starts_with('-')));
    let message = first.and_then(misspelt_command).unwrap_or_else(|| {
        format!("unexpected argument `{second}`: herd runs one node, so start it once for each node")
    });
    Error::raw(error.kind(), message + "\n\nFor more information, try '--help'.\n")
}

/// The message about a word that is no command but resembles one; `None` if it does not.
pub(super) fn misspelt_command(word: &str) -> Option<String> {
    let command = Cli::command();
    let name = nearest(word, command.get_subcommands().map(Command::get_name))?;
    Some(format!("herd has no command `{word}`; did you mean `{name}`?"))
}

/// The arguments of a command and of its subcommands.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments))
}

/// The error with the name of a variable instead of a flag: the flags that were typed have been
/// checked before.
fn naming_variable(mut error: Error, command: &Command) -> Error {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let is_text = |name: &str| env::var_os(name).is_none_or(|value| value.to_str().is_some());
        if let Some(name) = arguments(command).filter_map(variable).find(|name| !is_text(name)) {
            return Error::raw(
                ErrorKind::InvalidUtf8,
                format!("invalid value for '{name}': expected UTF-8\n"),
            );
        }
    }
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(arg) = arguments(command).find(|arg| arg.to_string() == *flag)
        && let Some(name) = variable(arg)
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(name.to_owned()));
    }
    error
}
