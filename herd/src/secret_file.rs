//! Files that hold a secret, such as a key or a token.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Reads a secret from a file that only its owner can read (see [`is_secret`]). `what` names the
/// file in messages, such as "key file". `parse` receives the text without surrounding white space.
///
/// # Errors
/// Fails if the file cannot be read, if others can read it, or if `parse` rejects its text. The
/// message contains none of the text, unless the message of `parse` does.
pub(crate) fn read<T>(
    file: &Path,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    let failure = |reason: &dyn Display| format!("the {what} {}: {reason}", file.display());
    let metadata = fs::metadata(file).map_err(|error| failure(&error))?;
    let mode = metadata.permissions().mode();
    if !is_secret(mode, metadata.uid()) {
        return Err(failure(&format!("others can read it (mode {:o}): chmod 600 it", mode & 0o777)));
    }
    let text = fs::read_to_string(file).map_err(|error| failure(&error))?;
    parse(text.trim()).map_err(|reason| failure(&reason))
}

/// Returns whether only its owner can read a file. One that root owns may also be readable by its
/// group: a service that does not run as root has no other way to read it.
fn is_secret(mode: u32, owner: u32) -> bool {
    let forbidden = if owner == 0 { 0o037 } else { 0o077 };
    mode & forbidden == 0
}

#[cfg(test)]
mod tests {
    use fixtures::checkout::scratch;

    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_rejected() {
        let file = scratch("secret-file").join("secret");
        let parse = |text: &str| if text == "mine" { Ok(()) } else { Err("another".to_owned()) };
        let read = || super::read(&file, "test file", parse);
        assert!(read().unwrap_err().starts_with(&format!("the test file {}: No such file", file.display())));
        fs::write(&file, " mine\n").unwrap();
        for (mode, is_read) in [(0o600, true), (0o400, true), (0o604, false), (0o610, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read().is_ok(), is_read, "{mode:o}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "yours").unwrap();
        assert_eq!(read(), Err(format!("the test file {}: another", file.display())));
    }

    #[test]
    fn the_group_can_read_what_root_owns_and_nothing_else() {
        let (root, user) = (0, 1000);
        assert!(is_secret(0o640, root) && is_secret(0o440, root) && is_secret(0o600, user));
        assert!(!is_secret(0o660, root) && !is_secret(0o644, root) && !is_secret(0o440, user));
    }
}
