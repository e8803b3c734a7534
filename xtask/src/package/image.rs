//! A container image of the node program: one layer with one program, by the image specification of
//! the Open Container Initiative.

use std::path::{Path, PathBuf};

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::blobs::{Blobs, digest};
use super::trial::try_layer;

/// The user and group of the node, who own nothing but the data folder. The number is the one that
/// other images without a shell use for a user without rights.
const USER: u64 = 65_532;

/// The folder for the node's records, which is a volume.
const DATA: &str = "data";

/// An image that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The hash of its manifest, by which registries know it.
    pub digest: String,
    /// The compressed layer.
    layer: Vec<u8>,
}

impl Image {
    /// Returns the size of its compressed layer in bytes.
    pub fn bytes(&self) -> usize {
        self.layer.len()
    }

    /// Runs the image's program in `root`, a folder that is deleted first, as a container would: a
    /// node has to answer a report, and a probe.
    ///
    /// # Errors
    /// It cannot be run there, or answers something else.
    pub fn try_out(&self, root: &Path) -> Result<()> {
        try_layer(&self.layer, root)
    }
}

/// Writes the image of a program that needs no other file, as an OCI layout in `folder`, without
/// what was there. Equal programs give equal images.
///
/// # Errors
/// The folder cannot be written.
pub fn write_image(program: &[u8], version: &str, folder: PathBuf) -> Result<Image> {
    let blobs = Blobs::create(folder)?;
    let files = layer(program)?;
    let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut compressed, &files)?;
    let compressed = compressed.finish()?;
    let layer = blobs.add("application/vnd.oci.image.layer.v1.tar+gzip", &compressed)?;
    let config = config(&digest(&files), version).to_string();
    let config = blobs.add("application/vnd.oci.image.config.v1+json", config.as_bytes())?;
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config,
        "layers": [layer],
    });
    let mut manifest = blobs.add(manifest_type, manifest.to_string().as_bytes())?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": version });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    blobs.write("index.json", index.to_string().as_bytes())?;
    blobs.write("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string().as_bytes())?;
    Ok(Image { digest, layer: compressed })
}

/// The files of the image: the program, and a folder for the records.
fn layer(program: &[u8]) -> Result<Vec<u8>> {
    let mut files = Builder::new(Vec::new());
    let mut add = |name: &str, kind, mode, owner, bytes: &[u8]| -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        Ok(files.append_data(&mut header, name, bytes)?)
    };
    add("herd", EntryType::Regular, 0o755, 0, program)?;
    add(DATA, EntryType::Directory, 0o700, USER, &[])?;
    Ok(files.into_inner()?)
}

/// How the program is run.
fn config(files: &str, version: &str) -> Value {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": ["/herd"],
            "Env": [format!("HERD_DATA_DIR=/{DATA}"), "HERD_ADMIN_ADDRESS=127.0.0.1:12680"],
            "Volumes": { format!("/{DATA}"): {} },
            "WorkingDir": "/",
            "ExposedPorts": { "12480/tcp": {}, "12580/tcp": {} },
            "StopSignal": "SIGTERM",
            // Docker runs this, and Kubernetes what its manifests say instead.
            "Healthcheck": { "Test": ["CMD", "/herd", "probe", "--alive"], "Interval": 10_000_000_000_u64 },
            "Labels": {
                "org.opencontainers.image.title": "herd",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [files] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "cargo xtask image" }],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;

    use fixtures::checkout::scratch;
    use flate2::read::GzDecoder;

    use super::*;

    /// Reads a file of a layout by its descriptor, and checks its hash and size.
    fn read(folder: &std::path::Path, descriptor: &Value) -> Vec<u8> {
        let name = descriptor["digest"].as_str().unwrap();
        let bytes = fs::read(folder.join("blobs").join(name.replace(':', "/"))).unwrap();
        assert_eq!((digest(&bytes).as_str(), &descriptor["size"]), (name, &json!(bytes.len())));
        bytes
    }

    #[test]
    fn equal_programs_give_equal_images_of_one_program_and_a_folder() {
        let folder = scratch("image");
        let image = write_image(b"the program", "1.2.3", folder.join("a")).unwrap();
        assert_eq!(write_image(b"the program", "1.2.3", folder.join("b")).unwrap(), image);
        assert_ne!(write_image(b"the programs", "1.2.3", folder.join("b")).unwrap(), image);
        let parsed = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
        let folder = folder.join("a");
        let index = parsed(fs::read(folder.join("index.json")).unwrap());
        assert_eq!(index["manifests"][0]["digest"], image.digest);
        let manifest = parsed(read(&folder, &index["manifests"][0]));
        let config = parsed(read(&folder, &manifest["config"]));
        assert_eq!(config["config"]["User"], "65532:65532");
        let mut files = Vec::new();
        GzDecoder::new(&*read(&folder, &manifest["layers"][0])).read_to_end(&mut files).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], digest(&files));
        let mut archive = tar::Archive::new(&*files);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let (name, mode) = (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (name, (mode, entry.header().uid().unwrap(), text))
        });
        let expected = [
            ("data".to_owned(), (0o700, USER, String::new())),
            ("herd".to_owned(), (0o755, 0, "the program".to_owned())),
        ];
        assert_eq!(entries.collect::<BTreeMap<_, _>>(), expected.into());
    }
}
