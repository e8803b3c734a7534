//! The files of an OCI layout, which are named after their hashes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The folder of an OCI layout, by the image layout specification of the Open Container Initiative.
#[derive(Debug)]
pub(super) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Creates the folder, without what was in it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn create(folder: PathBuf) -> Result<Blobs> {
        let _ = fs::remove_dir_all(&folder);
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("cannot create {}", blobs.display()))?;
        Ok(Blobs { folder })
    }

    /// Adds a file, and returns its descriptor.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(&self, media_type: &str, bytes: &[u8]) -> Result<Value> {
        let digest = digest(bytes);
        self.write(&format!("blobs/{}", digest.replace(':', "/")), bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
    }

    /// Writes a file of the layout under its name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The hash by which a file is named.
pub(super) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_one_that_other_tools_compute() {
        // The second example of FIPS 180-4's test vectors is the hash of "abc".
        let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), known);
    }
}
