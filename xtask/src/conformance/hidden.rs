//! The hidden roles of the programs that judge: a process starts its own program again, as a judge
//! or as what a judge needs. A user never gives these arguments.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use super::{judge, sandbox};

/// The first argument of a judge; its second is an order as JSON.
pub(super) const JUDGE: &str = "conformance-judge";

/// Plays the hidden role that the arguments of this process name, and returns its exit status.
/// `output` and `errors` are standard output and standard error.
/// Returns `None` if they name none: then this process is an ordinary one.
pub fn run_hidden_role(output: &mut dyn Write, errors: &mut dyn Write) -> Option<ExitCode> {
    let arguments: Vec<OsString> = env::args_os().collect();
    match &arguments[..] {
        [_, role, order] if role == JUDGE => Some(match judge::judge_to_order(order, output) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(errors, "{error:#}");
                ExitCode::FAILURE
            }
        }),
        _ => sandbox::run_hidden_role(&arguments, output),
    }
}
