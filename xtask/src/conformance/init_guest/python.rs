//! Programs in Python: their main file, their packages, and their version of Python.

use std::path::Path;

use anyhow::Result;
use regex::Regex;

use super::arguments;
use super::program::{Program, ordered};
use super::sources::Source;

/// Packages of Python that herds use: the module, and the package that has it.
const PACKAGES: [(&str, &str); 9] = [
    ("aiohttp", "aiohttp"),
    ("aiofiles", "aiofiles"),
    ("dotenv", "python-dotenv"),
    ("httpx", "httpx"),
    ("requests", "requests"),
    ("trio", "trio"),
    ("twisted", "twisted"),
    ("ujson", "ujson"),
    ("uvloop", "uvloop"),
];

/// Signs of a server in a source.
const SERVES: &str =
    r"start_server|create_server|reactor\.run|socketserver|\.listen\(|listenTCP|run_forever|serve_tcp";

/// Signs of a program in a source.
const RUNS: &str = r"__main__|sys\.argv|add_argument\(|click\.|asyncio\.run\(|reactor\.run";

/// A `print` statement, which only Python 2 knows.
const PRINT_STATEMENT: &str = r#"(?m)^\s*print\s+["'\w]"#;

/// Finds a program in Python at the top of a folder.
///
/// # Errors
/// A pattern is wrong.
pub(super) fn find(folder: &Path, sources: &[Source]) -> Result<Option<Program>> {
    let Some(main) = main_file(sources)? else { return Ok(None) };
    let files = ordered(sources, &main, &["py"]);
    let is_old = files.iter().any(|source| source.path == main && is_python_2(source));
    let mut program = Program {
        kind: "a program in Python",
        build: Vec::new(),
        command: format!("python3 {main}"),
        arguments: arguments::find(&files)?,
    };
    if is_old {
        program.kind = "a program in Python 2";
        program.command = format!("python2 {main}");
        return Ok(Some(program));
    }
    let packages = packages(folder, &files)?;
    if !packages.is_empty() {
        // The system's Python often accepts no packages.
        program.build = vec![
            "python3 -m venv --system-site-packages .venv".to_owned(),
            format!(".venv/bin/python -m pip install --quiet {packages}"),
        ];
        program.command = format!(".venv/bin/python {main}");
    }
    Ok(Some(program))
}

fn is_python_2(source: &Source) -> bool {
    Regex::new(PRINT_STATEMENT).is_ok_and(|print| print.is_match(&source.text))
}

/// Returns the file at the top that most looks like a node.
fn main_file(sources: &[Source]) -> Result<Option<String>> {
    let (serves, runs) = (Regex::new(SERVES)?, Regex::new(RUNS)?);
    let score = |source: &Source| {
        let name = source.path.trim_end_matches(".py");
        let by_name = match name {
            "server" => 3,
            "main" => 2,
            "herd" | "app" | "node" | "__main__" => 1,
            _ if ["client", "test"].iter().any(|word| name.contains(word)) => -6,
            _ => 0,
        };
        let (serves, runs) = (serves.is_match(&source.text), runs.is_match(&source.text));
        by_name + 3 * i32::from(serves) + 3 * i32::from(runs)
    };
    let files = sources.iter().filter(|source| source.ending() == "py" && source.is_at_top());
    let scored = files.map(|source| (score(source), source));
    // `max_by_key` returns the last maximum, and the first files by name are to win.
    let best = scored.rev().max_by_key(|(score, _)| *score);
    Ok(best.filter(|(score, _)| *score >= 3).map(|(_, source)| source.path.clone()))
}

/// Returns what pip is to install: the requirements file, or the known packages that the sources
/// import. Empty if the standard library is enough.
fn packages(folder: &Path, files: &[&Source]) -> Result<String> {
    if folder.join("requirements.txt").exists() {
        return Ok("-r requirements.txt".to_owned());
    }
    let mut packages = Vec::new();
    for (module, package) in PACKAGES {
        let import = Regex::new(&format!(r"(?m)^\s*(?:import\s+[\w., ]*\b{module}\b|from\s+{module}\b)"))?;
        if files.iter().any(|source| import.is_match(&source.text)) {
            packages.push(package);
        }
    }
    Ok(packages.join(" "))
}
