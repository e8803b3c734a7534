//! Guest files for small programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use fixtures::checkout::scratch;

use super::*;
use crate::conformance::guest_file::{PlacesApi, Ports};

/// A folder with these files.
fn program(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = scratch(&format!("init-guest-{test}")).join(test);
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The guest file of a folder, as text and as a guest.
fn guest(folder: &Path) -> (String, Guest) {
    let text = guest_file_for(folder).unwrap();
    let guest = Guest::parse(&text, &folder.join(GUEST_FILE)).unwrap();
    (text, guest)
}

#[test]
fn a_python_program_of_a_class_needs_no_check() {
    let server = "import asyncio, aiohttp, logging, sys\nfrom config import PORTS\nfrom env import API_KEY\n\
                  async def main(name):\n    logging.basicConfig(filename=f'logs/{name}.log')\n\
                  open('logs/' + name + '.log')\n\
                  url = 'https://maps.googleapis.com/maps/api/place/nearbysearch/json'\n\
                  await asyncio.start_server(handle, '127.0.0.1', PORTS[name])\n\
                  if __name__ == '__main__':\n    asyncio.run(main(sys.argv[1]))\n";
    let config =
        "PORTS = {'Goloman': 12000, 'Hands': 12001, 'Holiday': 12002, 'Welsh': 12003, 'Wilkes': 12004}\n";
    let files = [("server.py", server), ("config.py", config), ("client.py", "import sys\nsys.argv[1]\n")];
    let folder = program("class", &files);
    let (text, guest) = guest(&folder);
    assert_eq!(guest.name, "class");
    assert_eq!(guest.start, ".venv/bin/python server.py {name}");
    assert_eq!(guest.build[1], ".venv/bin/python -m pip install --quiet aiohttp");
    assert_eq!(guest.build[2], "mkdir -p logs");
    assert_eq!(
        (guest.graph.as_str(), guest.ports, guest.places),
        ("2018-winter", Ports::Fixed, PlacesApi::Legacy)
    );
    assert_eq!(guest.members()[4].client.port(), 12004);
    assert_eq!(guest.files, BTreeMap::from([("env.py".to_owned(), "API_KEY = '{key}'\n".to_owned())]));
    assert_eq!(guest.logs, ["{name}.log", "logs/{name}.log"]);
    assert!(!text.contains("# CHECK"), "{text}");
    let wide: Vec<&str> = text.lines().filter(|line| line.starts_with('#') && line.len() > 80).collect();
    assert_eq!(wide, [""; 0]);
}

#[test]
fn programs_in_other_languages_are_built_and_started() {
    let names = "Bailey Bona Campbell Clark Jaquez";
    let package = r#"{"scripts": {"start": "node src/herd.js Bailey"}, "dependencies": {"ws": "8"}}"#;
    let node = format!("// {names}\nconst name = process.argv[2];\nconst key = process.env.API_KEY;\n");
    let cargo = "[package]\nname = \"my-herd\"\n";
    let rust = format!("// {names}\nlet name = std::env::args().nth(1);\n");
    let go =
        format!("package main\n// {names}\nfunc main() {{\n\tname := os.Args[1]\n\tport := os.Args[2]\n}}\n");
    let mix = "def project do\n  [app: :herd, escript: [main_module: Herd]]\nend\n";
    let elixir = format!("# {names}\ndef main([name]), do: run(name)\n");
    for (test, files, build, start) in [
        (
            "node",
            vec![("package.json", package), ("src/herd.js", &node)],
            "npm install",
            "node src/herd.js {name}",
        ),
        (
            "rust",
            vec![("Cargo.toml", cargo), ("src/main.rs", &rust)],
            "cargo build --release",
            "target/release/my-herd {name}",
        ),
        (
            "rust-file",
            vec![("server.rs", &*format!("fn main() {{\n{rust}}}\n"))],
            "rustc -O -o herd-node server.rs",
            "./herd-node {name}",
        ),
        (
            "go",
            vec![("go.mod", "module herd\n"), ("cmd/herd/main.go", &go)],
            "go build -o herd-node ./cmd/herd",
            "./herd-node {name} {port}",
        ),
        ("elixir", vec![("mix.exs", mix), ("lib/herd.ex", &elixir)], "mix escript.build", "./herd {name}"),
    ] {
        let folder = program(test, &files);
        let (_, guest) = guest(&folder);
        assert_eq!((guest.build[0].as_str(), guest.start.as_str()), (build, start));
        assert_eq!(guest.graph, "2023-winter");
        assert_eq!(guest.ports == Ports::Given, start.contains("{port}"), "{test}");
    }
}

#[test]
fn a_program_in_a_folder_within_is_found_and_guesses_are_marked() {
    let server = "import socketserver\nsocketserver.TCPServer(('', 8000), Handler).serve_forever()\n";
    let folder = program("within", &[("README.md", "mine"), ("project/main.py", server)]);
    let (text, guest) = guest(&folder);
    assert_eq!(guest.folder, fs::canonicalize(folder.join("project")).unwrap());
    assert_eq!(guest.start, "python3 main.py {name}");
    assert_eq!(text.matches("# CHECK").count(), 4, "{text}");
}

#[test]
fn a_program_that_takes_no_name_runs_all_nodes() {
    let server = "import asyncio\nfor name in ['Alford', 'Ball', 'Hamilton', 'Holiday', 'Welsh']:\n    \
                  asyncio.start_server(handle, port=ports[name])\n";
    let (_, guest) = guest(&program("all-nodes", &[("server.py", server)]));
    assert!(guest.one_process);
    assert_eq!((guest.start.as_str(), guest.graph.as_str()), ("python3 server.py", "2016-fall"));
}

#[test]
fn errors_say_what_is_missing() {
    let empty = program("empty", &[("notes.txt", "nothing")]);
    let has_file = program("has-file", &[("guest.toml", ""), ("server.py", "")]);
    let no_server = program("no-server", &[("words.py", "WORDS = 5\n")]);
    for (folder, expected) in [
        (empty.join("missing"), "there is no folder"),
        (empty.join("notes.txt"), "is not a folder"),
        (empty, "has no sources: a guest file can be written for"),
        (no_server, "none looks like a server"),
        (has_file, "guest.toml exists already"),
    ] {
        let error = format!("{:#}", guest_file_for(&folder).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}
