//! The files that a herd starts with, and the task of its keeper.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::place::Place;
use super::placeholders::Placeholders;
use crate::cluster::herd_file::HerdFile;
use crate::conformance::guest_file::Guest;
use crate::conformance::sandbox::keeper::process_table::memory;
use crate::conformance::sandbox::keeper::protocol::{Limits, Task};
use crate::conformance::sandbox::{GUEST_USER, Mode};

/// The limits of a herd: its processes, the size of a file, and the growth of its folder.
const PROCESSES: usize = 2000;
const FILE: u64 = 1 << 30;
const DISK: u64 = 2 << 30;

/// The memory of a herd: this, or a quarter of the machine's if that is less.
const MEMORY: u64 = 2 << 30;

/// Writes the herd file and the files of the guest file. Returns the values of placeholders.
pub(super) fn write(guest: &Guest, file: &HerdFile, place: &Place) -> Result<Placeholders> {
    fs::create_dir_all(&place.output).with_context(|| format!("cannot make {}", place.output.display()))?;
    let herd_file = place.output.join("herd.toml");
    fs::write(&herd_file, file.text()).with_context(|| format!("cannot write {}", herd_file.display()))?;
    let values = Placeholders::of_herd(&place.key, &place.places, &herd_file);
    for (name, text) in &guest.files {
        // A file with a node's name exists once for each node.
        if name.contains("{name}") {
            for node in &file.herd().members {
                let values = values.of_node(node);
                write_file(&place.work, &values.fill(name), &values.fill(text))?;
            }
        } else {
            write_file(&place.work, name, &values.fill(text))?;
        }
    }
    Ok(values)
}

/// Writes a file below `work`, in the place of what was there. An earlier herd may have left links
/// that lead elsewhere.
fn write_file(work: &Path, name: &str, text: &str) -> Result<()> {
    let path = work.join(name);
    let write = || {
        let folder = path.parent().unwrap_or(work);
        fs::create_dir_all(folder)?;
        ensure!(is_inside(work, folder), "{} leads out of the guest's folder", folder.display());
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path)?;
        }
        Ok(File::create_new(&path)?.write_all(text.as_bytes())?)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Returns whether `path` exists and leads to `folder` or below it.
pub(super) fn is_inside(folder: &Path, path: &Path) -> bool {
    let (Ok(folder), Ok(path)) = (fs::canonicalize(folder), fs::canonicalize(path)) else { return false };
    path.starts_with(folder)
}

/// Returns the variables that every node gets.
pub(super) fn variables(place: &Place) -> Vec<(String, String)> {
    let temporary = place.output.join("tmp").display().to_string();
    let caches = place.output.join("cache").display().to_string();
    let python = ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"].map(|name| (name, "1".to_owned()));
    let folders = [("TMPDIR", temporary), ("XDG_CACHE_HOME", caches.clone()), ("XDG_STATE_HOME", caches)];
    let own = python.into_iter().chain(folders).map(|(name, value)| (name.to_owned(), value));
    own.chain(place.variables.iter().cloned()).collect()
}

/// Returns the task of the keeper of `nodes`, and gives the folders that they may write to to the
/// user that they run as.
pub(super) fn task(place: &Place, nodes: Vec<String>) -> Result<Task> {
    let (temporary, caches) = (place.output.join("tmp"), place.output.join("cache"));
    let _ = fs::remove_dir_all(&temporary);
    let user = (place.mode == Mode::Container && is_reachable(&place.work)).then_some(GUEST_USER);
    let mut writable = Vec::new();
    for folder in [&place.work, &temporary, &caches] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if let Some(user) = user {
            give(folder, user).with_context(|| format!("cannot give {} to guests", folder.display()))?;
        }
        writable.push(fs::canonicalize(folder)?);
    }
    // A machine that does not say how much memory it has counts as large.
    let memory = match memory("MemTotal:") {
        0 => MEMORY,
        machine => MEMORY.min(machine / 4),
    };
    let limits = Limits { processes: PROCESSES, memory, file: FILE, disk: DISK };
    let output = fs::canonicalize(&place.output)?;
    Ok(Task { mode: place.mode, nodes, output, writable, user, limits, whole_environment: false })
}

/// Returns whether every user can enter a folder.
fn is_reachable(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let enters = |folder: &Path| folder.metadata().is_ok_and(|entry| entry.permissions().mode() & 0o001 != 0);
    fs::canonicalize(folder).is_ok_and(|folder| folder.ancestors().skip(1).all(enters))
}

/// Gives a folder and everything in it to a user.
fn give(path: &Path, user: u32) -> Result<()> {
    if path.is_symlink() {
        return Ok(());
    }
    chown(path, Some(user), Some(user))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(())
}
