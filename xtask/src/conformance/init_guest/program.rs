//! What kind of program a folder holds, and how it is built and started.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use toml::Table;

use super::arguments::{self, Arguments};
use super::python;
use super::sources::Source;

/// A program, and how it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    /// What it is, such as `a program in Python`.
    pub(super) kind: &'static str,
    /// The commands that build it.
    pub(super) build: Vec<String>,
    /// The command that starts it, without arguments.
    pub(super) command: String,
    /// What it is started with.
    pub(super) arguments: Arguments,
}

/// Finds the program in a folder with these sources, or `None`.
///
/// # Errors
/// A manifest, such as `package.json`, cannot be read.
pub(super) fn find(folder: &Path, sources: &[Source]) -> Result<Option<Program>> {
    let top = |name: &str| sources.iter().find(|source| source.path == name);
    if let Some(manifest) = top("Cargo.toml") {
        return rust(&manifest.text, sources).map(Some).context("Cargo.toml");
    }
    if folder.join("go.mod").exists() {
        return go(sources).map(Some);
    }
    if let Some(manifest) = top("mix.exs") {
        return elixir(&manifest.text, sources).map(Some);
    }
    if let Some(program) = python::find(folder, sources)? {
        return Ok(Some(program));
    }
    if let Some(program) = single_file(sources)? {
        return Ok(Some(program));
    }
    let manifest = top("package.json").map(|manifest| serde_json::from_str(&manifest.text));
    let manifest: Option<Value> = manifest.transpose().context("package.json is not JSON")?;
    node(folder, manifest.as_ref(), sources)
}

/// The sources with these endings, the main file first.
pub(super) fn ordered<'a>(sources: &'a [Source], main: &str, endings: &[&str]) -> Vec<&'a Source> {
    let mut ordered: Vec<&Source> =
        sources.iter().filter(|source| endings.contains(&source.ending())).collect();
    ordered.sort_by_key(|source| source.path != main);
    ordered
}

/// A program in Rust or Go that is one file, without a manifest.
fn single_file(sources: &[Source]) -> Result<Option<Program>> {
    let is_main = |ending: &str, word: &str| {
        let found =
            |source: &&Source| source.is_at_top() && source.ending() == ending && source.text.contains(word);
        sources.iter().find(found)
    };
    let (main, kind, compiler) = match (is_main("rs", "fn main("), is_main("go", "func main(")) {
        (Some(main), _) => (main, "a program in Rust", "rustc -O -o"),
        (None, Some(main)) => (main, "a program in Go", "go build -o"),
        (None, None) => return Ok(None),
    };
    Ok(Some(Program {
        kind,
        build: vec![format!("{compiler} herd-node {}", main.path)],
        command: "./herd-node".to_owned(),
        arguments: arguments::find(&[main])?,
    }))
}

fn rust(manifest: &str, sources: &[Source]) -> Result<Program> {
    let table: Table = manifest.parse()?;
    let named = |value: &toml::Value| value.get("name").and_then(toml::Value::as_str).map(str::to_owned);
    let binaries = table.get("bin").and_then(toml::Value::as_array);
    let binary = binaries.and_then(|binaries| binaries.first()).and_then(named);
    let name = binary.or_else(|| table.get("package").and_then(named));
    let name =
        name.context("it has no [package] with a name: give the folder of the package that is a node")?;
    Ok(Program {
        kind: "a program in Rust",
        build: vec!["cargo build --release".to_owned()],
        command: format!("target/release/{name}"),
        arguments: arguments::find(&ordered(sources, "src/main.rs", &["rs"]))?,
    })
}

fn go(sources: &[Source]) -> Result<Program> {
    let is_main = |source: &&Source| source.ending() == "go" && source.text.contains("package main");
    let main = sources.iter().filter(is_main).find(|source| source.text.contains("func main("));
    let main = main.map_or("main.go", |source| source.path.as_str());
    let package = main.rsplit_once('/').map_or(".".to_owned(), |(folder, _)| format!("./{folder}"));
    Ok(Program {
        kind: "a program in Go",
        build: vec![format!("go build -o herd-node {package}")],
        command: "./herd-node".to_owned(),
        arguments: arguments::find(&ordered(sources, main, &["go"]))?,
    })
}

fn elixir(manifest: &str, sources: &[Source]) -> Result<Program> {
    let app = manifest.split_once("app: :").map(|(_, behind)| behind);
    let app =
        app.and_then(|behind| behind.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next());
    let is_script = manifest.contains("escript:");
    let last = if is_script { "mix escript.build" } else { "mix compile" };
    let mut build = vec!["mix local.hex --force --if-missing".to_owned(), "mix deps.get".to_owned()];
    if !manifest.contains("{:") {
        build.clear();
    }
    build.push(last.to_owned());
    let script = format!("./{}", app.unwrap_or("herd"));
    let command = if is_script { script } else { "mix run --no-halt --".to_owned() };
    let mut found = arguments::find(&ordered(sources, "", &["ex", "exs"]))?;
    let takes_arguments =
        |source: &Source| source.text.contains("System.argv") || source.text.contains("def main(");
    if let Some(source) =
        sources.iter().find(|source| takes_arguments(source)).filter(|_| found.seen.is_none())
    {
        let seen = Some(format!("{} takes its arguments from the command line", source.path));
        found = Arguments { words: " {name}".to_owned(), seen, ..Arguments::default() };
    }
    Ok(Program { kind: "a program in Elixir", build, command, arguments: found })
}

fn node(folder: &Path, manifest: Option<&Value>, sources: &[Source]) -> Result<Option<Program>> {
    let listens = |name: &str| {
        let source = sources.iter().find(|source| source.path == name);
        source.is_some_and(|source| source.text.contains("createServer"))
    };
    let usual = ["server.js", "index.js", "main.js", "app.js", "server.mjs", "index.mjs", "node.js"];
    let usual = usual.into_iter().find(|name| listens(name)).map(str::to_owned);
    let Some(main) = manifest.and_then(named_main).or(usual) else { return Ok(None) };
    let mut build = Vec::new();
    let has = |key: &str| {
        manifest
            .and_then(|manifest| manifest.get(key))
            .and_then(Value::as_object)
            .is_some_and(|it| !it.is_empty())
    };
    if has("dependencies") || has("devDependencies") {
        let has_lock = folder.join("package-lock.json").exists();
        build.push(if has_lock { "npm ci" } else { "npm install" }.to_owned());
    }
    if manifest.is_some_and(|manifest| manifest.pointer("/scripts/build").is_some()) {
        build.push("npm run build".to_owned());
    }
    Ok(Some(Program {
        kind: "a program for Node.js",
        build,
        command: format!("node {main}"),
        arguments: arguments::find(&ordered(sources, &main, &["js", "mjs", "cjs", "ts"]))?,
    }))
}

/// Returns the file that `package.json` starts: that of `scripts.start`, `bin` or `main`.
fn named_main(manifest: &Value) -> Option<String> {
    let start = manifest.pointer("/scripts/start").and_then(Value::as_str);
    let start = start.and_then(|start| start.strip_prefix("node ")?.split_whitespace().next());
    let bin = manifest.get("bin").and_then(|bin| match bin {
        Value::String(file) => Some(file.as_str()),
        bin => bin.as_object()?.values().next()?.as_str(),
    });
    let main = manifest.get("main").and_then(Value::as_str);
    start.or(bin).or(main).map(str::to_owned)
}
