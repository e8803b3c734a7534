//! The package of the node program, as `cargo publish` would upload it.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use fixtures::checkout::root;

use super::{assert_none, code, files, place};

/// The macros that read a file, whose path is relative to the source file.
const INCLUDES: [&str; 2] = ["include_str!(\"", "include_bytes!(\""];

#[test]
fn the_package_has_its_licences_and_data_and_no_tests() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--package", "herd", "--list", "--allow-dirty", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    let has = |file: &str| list.lines().any(|line| line == file);
    for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "NOTICE", "build.rs", "data/cities.bin"] {
        assert!(has(file), "no {file}: {list}{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!list.contains("tests/process") && !list.contains("fuzz/"), "{list}");
}

#[test]
fn the_node_program_includes_no_file_of_another_package() {
    let package = root().join("herd");
    let mut problems = String::new();
    for file in files("herd/src", &["rs"]) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in code(&text) {
            let included = INCLUDES.iter().find_map(|start| line.split_once(start));
            let Some((path, _)) = included.and_then(|(_, rest)| rest.split_once('"')) else { continue };
            let path = file.parent().unwrap_or(Path::new("")).join(path);
            if !fs::canonicalize(&path).unwrap().starts_with(&package) {
                writeln!(problems, "{}: {}", place(&file, number), path.display()).unwrap();
            }
        }
    }
    assert_none(&problems, "move what a node includes to the folder herd");
}

#[test]
fn the_version_is_the_same_wherever_it_is_written() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, expected) in [
        ("CHANGELOG.md", format!("\n## [{version}] - 20")),
        ("herd/deploy/helm/Chart.yaml", format!("\nversion: {version}\n")),
        ("herd/deploy/helm/Chart.yaml", format!("\nappVersion: \"{version}\"\n")),
        ("docs/src/run/install.md", format!("registry.example/herd:{version}\n")),
        ("docs/src/run/install.md", format!("registry.example/herd:{version} Alford")),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&expected), "{file} has no {expected:?}");
    }
}
