//! Where guests run: cut off from the network and from the rest of the machine, with limits, and so
//! that nothing of them is left at the end.
//!
//! The suite starts itself again as a *judge* ([`launch_judge`]). The judge makes the place in
//! which guests run ([`enter`]): a separate network, names that lead to this machine, and a
//! certificate authority that clients trust. For each herd it starts a keeper, which runs the
//! nodes.

mod enter;
mod judge_process;
pub(crate) mod keeper;
mod loopback;
mod system_files;

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use strum::Display;

pub use enter::{Entered, Setup, enter};
pub use judge_process::{JudgeProcess, launch_judge};

/// The user and the group that guests run as in a container. Linux calls both `nobody`.
pub const GUEST_USER: u32 = 65_534;

/// How guests are kept apart from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, Display)]
pub enum Mode {
    /// Guests have a network, processes and mounts that nothing else shares.
    #[strum(serialize = "in namespaces")]
    Namespaces,
    /// The machine is a container that is thrown away afterwards, and this process is root.
    #[strum(serialize = "in a container")]
    Container,
    /// Guests are processes of the user.
    #[strum(serialize = "on this machine, not cut off")]
    Plain,
}

/// The words that start a judge or a keeper in namespaces.
const JUDGE_NAMESPACES: [&str; 5] = ["unshare", "--user", "--map-root-user", "--net", "--mount"];
pub(crate) const KEEPER_NAMESPACES: [&str; 5] =
    ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// The words that start a node in namespaces: root of a namespace could undo what protects files.
pub(crate) const NO_CAPABILITIES: [&str; 5] = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"];

/// Chooses the mode: `Container` if `container` asks for it, or `Namespaces` where the system
/// grants them. Otherwise, the second value is one sentence on why guests run in [`Mode::Plain`].
pub fn mode(container: bool) -> (Mode, Option<String>) {
    if container {
        return match Uid::effective().is_root() {
            true => (Mode::Container, None),
            false => (Mode::Plain, Some("Only root can prepare a container for guests.".to_owned())),
        };
    }
    let [program, words @ ..] = JUDGE_NAMESPACES;
    let probe = Command::new(program)
        .args(words)
        .args(KEEPER_NAMESPACES)
        .args(NO_CAPABILITIES)
        .arg("true")
        .stdin(Stdio::null())
        .output();
    let reason = match probe {
        Ok(output) if output.status.success() => return (Mode::Namespaces, None),
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned(),
        Err(error) => format!("unshare: {error}"),
    };
    let why = format!("This machine does not grant namespaces ({reason}): guests are not cut off.");
    (Mode::Plain, Some(why))
}

/// Runs the hidden role of this program that `args` names, the program's name first, and returns
/// its exit code. Returns `None` if `args` is an ordinary command line. `answers` is standard
/// output.
pub fn run_hidden_role(args: &[OsString], answers: &mut dyn Write) -> Option<ExitCode> {
    match args {
        [_, role, task] if role == keeper::ROLE => {
            Some(match keeper::run(&task.to_string_lossy(), answers) {
                Ok(()) => ExitCode::SUCCESS,
                // The error is an answer already; without a reader, it does not matter.
                Err(_) => ExitCode::FAILURE,
            })
        }
        _ => None,
    }
}
