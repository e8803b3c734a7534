//! The parts that only the binary needs, from the command line to the running node.

mod backup;
mod certs;
mod check;
mod config_init;
mod dashboard;
mod doctor;
mod environment;
mod flags;
mod given;
mod herd_file;
mod journal;
mod manuals;
mod node;
mod places;
mod places_args;
mod places_check;
mod plan;
mod print;
mod probe;
mod replay_progress;
mod resources;
mod say;
mod server_tls;
mod service_manager;
mod shards;
mod stop;
mod tls_args;
mod upkeep;
mod usage;
mod values;

use std::process::ExitCode;

use flags::{ConfigTool, Subcommand};

use herd::printable::lines;
use print::print;
use usage::Usage;

/// Runs the command line. The exit code is 2 if the command line is wrong, and 1 if the command
/// fails. `herd check` has the codes of monitoring plugins.
pub(crate) fn main() -> ExitCode {
    let cli = environment::parse().unwrap_or_else(|error| refuse(&error));
    let result = match &cli.command {
        Some(Subcommand::CheckConfig { file, node }) => herd_file::check(file, node.as_deref()),
        Some(Subcommand::Config(ConfigTool::Init(args))) => args.run(),
        Some(Subcommand::Journal(tool)) => tool.run(),
        Some(Subcommand::Backup { folder, copy }) => backup::backup(folder, copy),
        Some(Subcommand::Restore { copy, folder }) => backup::restore(copy, folder),
        Some(Subcommand::Certs(tool)) => tool.run(),
        Some(Subcommand::Places(tool)) => tool.run(),
        Some(Subcommand::PlacesCheck { latitude, longitude, config, places }) => {
            block_on(places_check::run(&cli.given, config.as_deref(), places, *latitude, *longitude))
        }
        Some(Subcommand::Doctor(args)) => block_on(doctor::run(&cli.given, args)),
        Some(Subcommand::Probe(args)) => block_on(probe::run(args)),
        Some(Subcommand::Say(args)) => block_on(say::run(&cli.given, args)),
        Some(Subcommand::Check(args)) => return args.run(),
        Some(Subcommand::Shards { config }) => block_on(shards::run(&cli.given, config.as_deref())),
        Some(Subcommand::Completions { shell }) => manuals::complete(*shell),
        Some(Subcommand::Man { folder }) => manuals::man(folder.as_deref()),
        Some(Subcommand::Dashboard(args)) => block_on(dashboard::run(&cli.given, args)),
        None => block_on(node::run(&cli)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(std::io::stderr(), format!("error: {}\n", lines(format!("{error:#}").as_bytes())));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Prints clap's error with control characters escaped, and exits; prints help unchanged.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() {
        print(std::io::stderr(), lines(error.render().to_string().as_bytes()));
        std::process::exit(if check::is_wanted() { check::UNKNOWN.into() } else { error.exit_code() });
    }
    error.exit()
}

/// Runs `main` to its end without waiting for threads of the pool: a DNS lookup in one of them
/// cannot be cancelled.
fn block_on<T>(main: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(main);
    runtime.shutdown_background();
    result
}
