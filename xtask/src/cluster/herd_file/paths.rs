//! The paths in a herd file, which are relative to its folder.

use std::path::Path;

use toml::{Table, Value};

/// The tables and keys of a herd file that name files.
const FILE_KEYS: [(&str, &str); 9] = [
    ("backbone", "ca"),
    ("backbone", "creds"),
    ("places", "file"),
    ("places", "key_file"),
    ("links", "ca"),
    ("links", "cert"),
    ("links", "key"),
    ("clients", "cert"),
    ("clients", "key"),
];

/// Makes paths that are relative to `folder` absolute, because the harness writes the herd file to
/// another folder.
pub(super) fn make_absolute(file: &mut Table, folder: &Path) {
    for (table, key) in FILE_KEYS {
        let value = file.get_mut(table).and_then(|table| table.get_mut(key));
        if let Some(Value::String(path)) = value {
            *path = folder.join(&*path).display().to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use herd::config::{BackboneTable, ClientsTable, Herd, LinksTable, PlacesTable};

    use super::*;

    /// A herd file with every path.
    const FILE: &str = r#"
name = "one"
[[node]]
name = "Alford"
client = "127.0.0.1:1"
link = "127.0.0.1:2"
[places]
file = "x"
key_file = "x"
[links]
ca = "x"
cert = "x"
key = "x"
[clients]
cert = "x"
key = "x"
[backbone]
nats = ["nats://127.0.0.1:4222"]
region = "one"
creds = "x"
ca = "x"
"#;

    #[test]
    fn every_path_becomes_absolute() {
        let mut table: Table = FILE.parse().unwrap();
        make_absolute(&mut table, Path::new("/herd"));
        let Herd { links, clients, places, backbone, .. } = Herd::parse(&table.to_string(), "it").unwrap();
        // Their fields are named, so that the path of a new one is not forgotten.
        let PlacesTable { provider: _, url: _, file, key_file, layout: _, fields: _ } = places;
        let LinksTable { ca, cert, key } = links;
        let ClientsTable { cert: clients_cert, key: clients_key } = clients;
        let BackboneTable { creds, ca: servers_ca, .. } = backbone.unwrap();
        let paths = [file, key_file, ca, cert, key, clients_cert, clients_key, creds, servers_ca];
        for path in paths {
            assert_eq!(path.unwrap(), Path::new("/herd/x"));
        }
    }
}
