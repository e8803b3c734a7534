//! What the nodes of a herd see of this machine's files: all of them, but they change none outside
//! their own folders.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::libc::O_PATH;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Devices that are harmless and that programs need.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Parts of `/proc` through which root could change the machine.
const SETTINGS: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];

/// Folders with sockets and files of the machine's other programs, and the size of what a herd gets
/// in their place.
const FRESH: [(&str, &str); 2] = [("/tmp", "mode=1777,size=256m"), ("/run", "mode=755,size=16m")];

const NOWHERE: Option<&str> = None;

/// Makes this process's view of the files read-only, except for `writable` and for fresh folders
/// for temporary files and devices. Returns whether `/tmp` is fresh.
///
/// # Errors
/// A writable folder does not exist, or the system does not let this process mount.
pub(super) fn confine(writable: &[PathBuf]) -> Result<bool> {
    for folder in writable {
        mount(Some(folder), folder, NOWHERE, MsFlags::MS_BIND | MsFlags::MS_REC, NOWHERE)
            .with_context(|| format!("cannot mount {}", folder.display()))?;
    }
    let needed = needed(writable);
    let mut fresh: Vec<&Path> = Vec::new();
    for (folder, options) in FRESH.map(|(folder, options)| (Path::new(folder), options)) {
        // On NixOS, all programs are found below /run.
        if !folder.join("current-system").exists() && replace_folder(folder, options, &needed)? {
            fresh.push(folder);
        }
    }
    replace_devices().context("cannot replace /dev")?;
    for (point, flags) in mount_points(&fs::read_to_string("/proc/self/mountinfo")?) {
        let open = ["/dev", "/proc"].map(Path::new);
        let mut open = open.into_iter().chain(writable.iter().map(PathBuf::as_path));
        if !fresh.contains(&point.as_path()) && !open.any(|folder| point.starts_with(folder)) {
            make_read_only(&point, flags)?;
        }
    }
    for setting in SETTINGS.map(Path::new).into_iter().filter(|path| path.exists()) {
        let _ = mount(Some(setting), setting, NOWHERE, MsFlags::MS_BIND, NOWHERE);
        make_read_only(setting, MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC)?;
    }
    Ok(fresh.contains(&Path::new("/tmp")))
}

/// The paths that a herd needs wherever they are: its folders, this program, and all programs.
fn needed(writable: &[PathBuf]) -> Vec<PathBuf> {
    let programs = std::env::var_os("PATH").unwrap_or_default();
    let programs: Vec<PathBuf> = std::env::split_paths(&programs).collect();
    writable.iter().cloned().chain(std::env::current_exe()).chain(programs).collect()
}

/// Mounts an empty folder in the place of one, and shows there what contains a needed path. Returns
/// whether the system lets this process mount it.
fn replace_folder(folder: &Path, options: &str, needed: &[PathBuf]) -> Result<bool> {
    let inside = needed.iter().filter_map(|path| path.strip_prefix(folder).ok()?.components().next());
    let names: BTreeSet<PathBuf> = inside.map(|name| folder.join(name)).collect();
    let held: Vec<(PathBuf, File)> =
        names.into_iter().filter_map(|path| Some((path.clone(), hold(&path).ok()?))).collect();
    if mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(options)).is_err() {
        return Ok(false);
    }
    for (path, file) in held {
        let made =
            if file.metadata()?.is_dir() { fs::create_dir(&path) } else { File::create(&path).map(drop) };
        made.with_context(|| format!("cannot make {}", path.display()))?;
        bind(&file, &path).with_context(|| format!("cannot mount {}", path.display()))?;
    }
    Ok(true)
}

/// Opens a file or folder only to mount it elsewhere.
fn hold(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_PATH).open(path)
}

/// Calls `open` while `folder` is a separate mount. Files that it opens there can be written even
/// if the folder becomes read-only, and do not keep it from becoming so.
pub(super) fn through_own_mount<T>(folder: &Path, open: impl FnOnce() -> Result<T>) -> Result<T> {
    mount(Some(folder), folder, NOWHERE, MsFlags::MS_BIND, NOWHERE)
        .with_context(|| format!("cannot mount {}", folder.display()))?;
    let opened = open();
    umount2(folder, MntFlags::MNT_DETACH).with_context(|| format!("cannot unmount {}", folder.display()))?;
    opened
}

/// Makes a mount read-only. Its other flags stay: the system forbids to remove them.
fn make_read_only(point: &Path, flags: MsFlags) -> Result<()> {
    let flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    match mount(NOWHERE, point, NOWHERE, flags, NOWHERE) {
        // Another mount hides this one, or it has gone.
        Err(nix::Error::EINVAL | nix::Error::ENOENT | nix::Error::EACCES | nix::Error::ENOTDIR) => Ok(()),
        other => other.with_context(|| format!("cannot make {} read-only", point.display())),
    }
}

/// Mounts a new `/dev` with few devices, terminals, and memory that programs share.
fn replace_devices() -> Result<()> {
    let devices = DEVICES.iter().filter_map(|name| Some((*name, hold(&Path::new("/dev").join(name)).ok()?)));
    let devices: Vec<(&str, File)> = devices.collect();
    let terminals = hold(Path::new("/dev/pts"));
    let dev = Path::new("/dev");
    mount(Some("tmpfs"), dev, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755,size=1m"))?;
    for (name, device) in &devices {
        File::create(dev.join(name))?;
        bind(device, &dev.join(name))?;
    }
    for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(Path::new("/proc/self").join(target), dev.join(name))?;
    }
    fs::create_dir(dev.join("shm"))?;
    mount(Some("tmpfs"), &dev.join("shm"), Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=1777,size=256m"))?;
    if let Ok(terminals) = terminals {
        fs::create_dir(dev.join("pts"))?;
        bind(&terminals, &dev.join("pts"))?;
        symlink("pts/ptmx", dev.join("ptmx"))?;
    }
    Ok(())
}

/// Shows an open file or folder, which may be hidden by now, at `target`.
fn bind(source: &File, target: &Path) -> nix::Result<()> {
    let source = format!("/proc/self/fd/{}", source.as_raw_fd());
    mount(Some(source.as_str()), target, NOWHERE, MsFlags::MS_BIND | MsFlags::MS_REC, NOWHERE)
}

/// Reads the mount points of a `mountinfo` file, and the flags that a remount must repeat.
fn mount_points(text: &str) -> Vec<(PathBuf, MsFlags)> {
    let points = text.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(4);
        Some((PathBuf::from(unescape(fields.next()?)), flags(fields.next()?)))
    });
    points.collect()
}

fn flags(options: &str) -> MsFlags {
    let mut flags = MsFlags::empty();
    let mut keeps_times = true;
    for option in options.split(',') {
        flags |= match option {
            "nosuid" => MsFlags::MS_NOSUID,
            "nodev" => MsFlags::MS_NODEV,
            "noexec" => MsFlags::MS_NOEXEC,
            "nodiratime" => MsFlags::MS_NODIRATIME,
            "noatime" => MsFlags::MS_NOATIME,
            "relatime" => MsFlags::MS_RELATIME,
            _ => continue,
        };
        keeps_times &= !matches!(option, "noatime" | "relatime");
    }
    if keeps_times {
        flags |= MsFlags::MS_STRICTATIME;
    }
    flags
}

/// Replaces `\040` and the like by the characters that they stand for.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                result.push(char::from(code));
                result += &part[3..];
            }
            None => {
                result.push('\\');
                result += part;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_have_their_names_and_flags() {
        let text = "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda rw\n\
                    25 24 0:4 / /a\\040b rw,nosuid,nodev,noexec - tmpfs x rw\n";
        let points = mount_points(text);
        assert_eq!(points[0], (PathBuf::from("/"), MsFlags::MS_RELATIME));
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_STRICTATIME;
        assert_eq!(points[1], (PathBuf::from("/a b"), flags));
        assert_eq!(unescape("a\\b\\0"), "a\\b\\0");
    }
}
