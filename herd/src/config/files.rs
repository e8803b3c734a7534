//! Resolves and checks the files that a herd file names.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::problems::Problems;
use super::{BackboneTable, Herd, LinksTable};
use crate::places::osm::Osm;
use crate::places::{Fields, Key, Layout};
use crate::secret_file;
use crate::tls::{ClientFiles, ClientTls, LinkFiles, LinkTls};

/// The placeholder for a node's name in the path of a file.
const NAME: &str = "{name}";

/// The path of a file that a herd file names, for one of its nodes.
pub fn file_for(named: &Path, node: &str) -> PathBuf {
    named.to_str().map_or_else(|| named.to_owned(), |path| path.replace(NAME, node).into())
}

impl Herd {
    /// Makes relative paths relative to `folder`.
    pub(super) fn name_files_from(&mut self, folder: &Path) {
        let Herd { places, links: LinksTable { ca, cert, key }, clients, backbone, .. } = self;
        let of_places = [&mut places.key_file, &mut places.file];
        let files = [ca, cert, key, &mut clients.cert, &mut clients.key].into_iter().chain(of_places);
        let of_backbone = backbone.iter_mut().flat_map(|backbone| [&mut backbone.creds, &mut backbone.ca]);
        for named in files.chain(of_backbone).flatten() {
            *named = folder.join(&*named);
        }
    }
}

impl Problems<'_> {
    /// Checks that the files of the nodes `names` exist and can be used.
    pub(super) fn check_files(&mut self, herd: &Herd, names: &[&str]) {
        let Herd { places, links, clients, backbone, .. } = herd;
        if let Some(file) = &places.key_file
            && let Err(reason) = Key::read(file)
        {
            self.at_key("places", "key_file", reason);
        }
        if let Some(file) = &places.file
            && let Err(error) = Osm::open(file, Layout::default(), Fields::default())
        {
            self.at_key("places", "file", error.to_string());
        }
        if let Some(BackboneTable { creds, ca, .. }) = backbone {
            if let Some(file) = creds
                && let Err(reason) = secret_file::read(file, "credentials file", |_| Ok(()))
            {
                self.at_key("backbone", "creds", reason);
            }
            self.readable("backbone", ("ca", ca), "");
        }
        for name in names {
            let files = [("ca", &links.ca), ("cert", &links.cert), ("key", &links.key)];
            if let [Some(ca), Some(cert), Some(key)] = files.map(|file| self.readable("links", file, name))
                && let Err(error) = LinkTls::read(&LinkFiles { ca, cert, key }, name)
            {
                self.at_key("links", "cert", error.to_string());
            }
            let files = [("cert", &clients.cert), ("key", &clients.key)];
            if let [Some(cert), Some(key)] = files.map(|file| self.readable("clients", file, name))
                && let Err(error) = ClientTls::read(&ClientFiles { cert, key })
            {
                self.at_key("clients", "cert", error.to_string());
            }
        }
    }

    /// The path of one node's file, if the herd file names it and it can be read.
    fn readable(
        &mut self,
        table: &str,
        (key, named): (&str, &Option<PathBuf>),
        node: &str,
    ) -> Option<PathBuf> {
        let file = file_for(named.as_deref()?, node);
        let read = fs::read(&file);
        let told = |error| self.at_key(table, key, format!("cannot read {}: {error}", file.display()));
        read.map_err(told).ok()?;
        Some(file)
    }

    /// Adds a problem at the value of a key of a table, or at the table if the key is misspelt.
    pub(super) fn at_key(&mut self, table: &str, key: &str, message: String) {
        let document = DeTable::parse(self.text).ok();
        let table = document.as_ref().and_then(|document| document.get_ref().get(table));
        let value = table.and_then(|table| table.get_ref().get(key)).or(table);
        self.add(value.map(|value| value.span().start), message);
    }
}
