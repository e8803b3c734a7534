//! Reading the command line, with the environment variables that stand in for flags.
//!
//! An empty variable is as good as none, variables of a node are nothing to a subcommand, and a
//! message names what was given: the flag or the variable.

use std::env;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, Error, FromArgMatches};

use herd::nearest::did_you_mean;
use herd::printable;

use super::flags::Cli;
use super::given::{Given, variable};
use super::places_args::OWN_VARIABLES;

/// What the names of this program's variables begin with.
const PREFIX: &str = "HERD_";

/// Reads the arguments of this process.
///
/// # Errors
/// They cannot be understood, or ask for help.
pub(super) fn parse() -> Result<Cli, Error> {
    let words: Vec<OsString> = env::args_os().collect();
    let typed = with_variables(Cli::command(), &|_| false).try_get_matches_from(&words);
    let has_subcommand = match typed {
        Ok(matches) => matches.subcommand_name().is_some(),
        Err(error) if error.use_stderr() => return Err(error),
        // Help tells of all variables.
        Err(_) => Cli::command().try_get_matches_from(&words)?.subcommand_name().is_some(),
    };
    let counts = |arg: &Arg| variable(arg).and_then(env::var_os).is_none_or(|value| !value.is_empty());
    let mut command = if has_subcommand {
        Cli::command().mut_args(without_variable).mut_subcommands(|tool| with_variables(tool, &counts))
    } else {
        with_variables(Cli::command(), &counts)
    };
    command.build();
    let matches = command.clone().try_get_matches_from(&words).map_err(|error| blamed(error, &command))?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.given = Given::of(&command, &matches);
    Ok(cli)
}

/// What is to be said of variables that look like this program's and are not: they would be ignored
/// silently.
pub(super) fn unknown_variables() -> Vec<String> {
    let command = Cli::command();
    let known: Vec<&str> = arguments(&command).filter_map(variable).chain(OWN_VARIABLES).collect();
    let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let unknown = names.filter(|name| name.starts_with(PREFIX) && !known.contains(&name.as_str()));
    let told = |name: String| {
        let hint = did_you_mean(&name, known.iter().copied());
        let name = printable::line(name.as_bytes());
        format!("the environment variable {name} is unknown and ignored{hint}")
    };
    unknown.map(told).collect()
}

/// The command with those variables only that `counts` accepts.
fn with_variables(command: Command, counts: &dyn Fn(&Arg) -> bool) -> Command {
    let keep = |arg: Arg| if counts(&arg) { arg } else { without_variable(arg) };
    command.mut_args(keep).mut_subcommands(|tool| with_variables(tool, counts))
}

fn without_variable(arg: Arg) -> Arg {
    arg.env(Resettable::Reset)
}

/// The arguments of a command and of its subcommands.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments))
}

/// The error with the name of the variable that it is about, since what was typed has no error.
fn blamed(mut error: Error, command: &Command) -> Error {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let is_text = |name: &str| env::var_os(name).is_none_or(|value| value.to_str().is_some());
        if let Some(name) = arguments(command).filter_map(variable).find(|name| !is_text(name)) {
            return Error::raw(
                ErrorKind::InvalidUtf8,
                format!("invalid value for '{name}': it is not UTF-8\n"),
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
