//! The keeper: the process that runs the nodes of one herd, and leaves none of their processes.
//!
//! It reads requests from its standard input and answers on its standard output. When its standard
//! input closes, it kills what is left and exits. In namespaces it is the first process of a
//! process namespace: guests cannot harm it, and the system kills them all when it ends. Elsewhere
//! it adopts every process that loses its parent, so it finds all of them.

mod confine;
mod families;
mod limits;
mod nodes;
mod output;
pub(crate) mod process_table;
pub(crate) mod protocol;
mod watch;

use std::io::{BufRead, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use nix::sys::prctl;
use nix::unistd::setsid;

use crate::conformance::sandbox::Mode;
use nodes::{Nodes, Outputs};
use output::Output;
use protocol::{Answer, Request, Task};

/// The first argument of a keeper. The second is its task, as JSON.
pub(crate) const ROLE: &str = "conformance-keeper";

/// Runs a keeper until its standard input ends.
///
/// # Errors
/// The task is malformed, or the answers cannot be written.
pub(super) fn run(task: &str, answers: &mut dyn Write) -> Result<()> {
    let task: Task = serde_json::from_str(task).context("the keeper's task is malformed")?;
    let nodes = match prepare(&task) {
        Ok((outputs, fresh_tmp)) => Arc::new(Nodes::new(task, outputs, fresh_tmp)),
        Err(error) => return write(answers, &Answer::Refused(format!("{error:#}"))),
    };
    write(answers, &Answer::Done)?;
    watch::start(&nodes);
    let served = serve(&nodes, answers);
    nodes.kill_all();
    served
}

fn serve(nodes: &Nodes, answers: &mut dyn Write) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?).context("a request is malformed")?;
        write(answers, &nodes.perform(request))?;
    }
    Ok(())
}

fn write(answers: &mut dyn Write, answer: &Answer) -> Result<()> {
    serde_json::to_writer(&mut *answers, answer)?;
    answers.write_all(b"\n")?;
    Ok(answers.flush()?)
}

/// Sets what nodes inherit. Returns the outputs of the nodes, and whether `/tmp` is theirs alone.
fn prepare(task: &Task) -> Result<(Outputs, bool)> {
    // The files are opened now: later, neither nodes nor the keeper can write to their folder.
    let open = |name: &String| {
        let file = |stream| Output::create(&task.output.join(format!("{name}.{stream}")));
        anyhow::Ok((name.clone(), (file("stdout")?, file("stderr")?)))
    };
    let open = || task.nodes.iter().map(open).collect::<Result<_>>();
    let outputs = match task.mode {
        Mode::Namespaces => confine::through_own_mount(&task.output, open),
        Mode::Container | Mode::Plain => open(),
    };
    let outputs = outputs.context("cannot keep what nodes print")?;
    // A session apart from those of nodes, so that it gets its share of the processor.
    let _ = setsid();
    prctl::set_child_subreaper(true).context("cannot adopt processes")?;
    prctl::set_no_new_privs().context("cannot give up privileges")?;
    // Guests have the keeper's user; without this, they could read and change its memory.
    prctl::set_dumpable(false).context("cannot protect the keeper")?;
    limits::set(task)?;
    let fresh_tmp = match task.mode {
        Mode::Namespaces => confine::confine(&task.writable)?,
        Mode::Container | Mode::Plain => false,
    };
    Ok((outputs, fresh_tmp))
}
