//! The program: what only the binary needs, from its command line to the node that runs.

mod certs;
mod environment;
mod flags;
mod given;
mod herd_file;
mod journal;
mod node;
mod places_args;
mod places_check;
mod plan;
mod print;
mod resources;
mod service_manager;
mod stop;
mod tls_args;
mod upkeep;
mod usage;

use std::process::ExitCode;

use flags::Subcommand;

use herd::printable::lines;
use print::print;
use usage::Usage;

/// Does what the command line asks for. The exit code is 2 if the command line cannot be understood,
/// and 1 if the command fails.
pub(crate) fn main() -> ExitCode {
    let cli = environment::parse().unwrap_or_else(|error| refuse(&error));
    let result = match &cli.command {
        Some(Subcommand::CheckConfig { file, node }) => herd_file::check(file, node.as_deref()),
        Some(Subcommand::Journal(tool)) => tool.run(),
        Some(Subcommand::Certs(tool)) => tool.run(),
        Some(Subcommand::PlacesCheck { latitude, longitude, config, places }) => {
            block_on(places_check::run(&cli.given, config.as_deref(), places, *latitude, *longitude))
        }
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

/// Ends with what is wrong with the arguments, of which a terminal obeys nothing; or with the help that was asked for.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() {
        print(std::io::stderr(), lines(error.render().to_string().as_bytes()));
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Runs to the end, and not longer: a name that is still being looked up, in a thread that cannot be cancelled,
/// is not waited for.
fn block_on(main: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(main);
    runtime.shutdown_background();
    result
}
