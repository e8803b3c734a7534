//! The source of each argument: a flag or an environment variable.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::Context;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// The arguments that came from environment variables: the names of the variables by argument.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<String, String>);

impl Given {
    /// Finds the arguments of the subcommand, if there is one, or else those of the command.
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> Given {
        let (command, matches) = match matches.subcommand() {
            Some((name, inner)) => (command.find_subcommand(name).unwrap_or(command), inner),
            None => (command, matches),
        };
        let by_variable =
            |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::EnvVariable);
        let named = |arg: &Arg| Some((arg.get_id().to_string(), variable(arg)?.to_owned()));
        Given(command.get_arguments().filter(by_variable).filter_map(named).collect())
    }

    /// The name of an argument in a message: its variable if that was used, or else its flag. `id`
    /// is the name of its field.
    pub(super) fn name(&self, id: &str) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| format!("--{}", id.replace('_', "-")))
    }

    /// An argument with its value, as in a command line or an environment.
    pub(super) fn name_value(&self, id: &str, value: impl Display) -> String {
        let separator = if self.0.contains_key(id) { '=' } else { ' ' };
        format!("{}{separator}{value}", self.name(id))
    }

    /// Adds to an error the variables that gave the arguments `ids`. Flags are not added, since the
    /// reader has just typed them.
    ///
    /// # Errors
    /// The error of `result`.
    pub(super) fn blame<T, E>(&self, ids: &[&str], result: Result<T, E>) -> anyhow::Result<T>
    where
        Result<T, E>: Context<T, E>,
        anyhow::Error: From<E>,
    {
        let variables: Vec<&str> = ids.iter().filter_map(|id| self.0.get(*id)).map(String::as_str).collect();
        if variables.is_empty() {
            return Ok(result?);
        }
        result.context(variables.join(", "))
    }
}

/// The environment variable that stands in for an argument.
pub(super) fn variable(arg: &Arg) -> Option<&str> {
    arg.get_env()?.to_str()
}
