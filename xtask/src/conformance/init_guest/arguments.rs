//! How a program takes the name of its node, and its port.

use std::collections::BTreeMap;

use anyhow::Result;
use regex::Regex;

use super::sources::Source;

/// The most arguments that a start command gets.
const MAX_ARGUMENTS: usize = 6;

/// What a program is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Variables before the command, such as `NODE_NAME={name}`, and a space behind each.
    pub(super) variables: String,
    /// Arguments behind the command, each with a space before it.
    pub(super) words: String,
    /// What in the sources says so, or `None` if nothing does.
    pub(super) seen: Option<String>,
}

/// Ways to give a list of arguments a name each: the names, before the list.
const UNPACKED: &str = r"(?m)^\s*(?:const|let|var)?\s*[\[(]?([\w*,. \t]+?)[\])]?\s*=\s*(?:sys\.)?(?:process\.)?argv(\[1:\]|\.slice\(-?\d\)|)[ \t]*;?[ \t]*$";

/// One argument by its index, and the name of what it is assigned to, if it is.
const INDEXED: &str = r"(?:(\w+)\s*(?::?=)\s*(?:\w+\()?\s*)?(?:\bsys\.argv|\bprocess\.argv|\bos\.Args|\bargs|\bargv)\s*\[\s*(\d)\s*\]";

/// One argument of a Rust program by its index.
const NTH: &str = r"(?:(\w+)\s*=\s*)?(?:std::)?(?:env::)?args\(\)\s*\.nth\((\d)\)";

/// An argument that a library parses.
const DECLARED: &str =
    r#"(?:add_argument|click\.argument|click\.option|flag\.String|flag\.Int)\(\s*["'](-{0,2}[\w-]+)["']"#;

/// A variable of the environment.
pub(super) const VARIABLE: &str = r#"(?:os\.environ(?:\.get)?\s*[\[(]|os\.getenv\(|getenv\(|process\.env(?:\[|\.)|os\.Getenv\(|env::var\(|System\.(?:get_env|fetch_env!)\()\s*["']?(\w+)"#;

/// Finds the arguments of a program in its sources, the most important of which comes first.
///
/// # Errors
/// A pattern is wrong.
pub(super) fn find(sources: &[&Source]) -> Result<Arguments> {
    for source in sources {
        for search in [declared, unpacked, indexed] {
            let arguments = search(source)?;
            if arguments.seen.is_some() {
                return Ok(arguments);
            }
        }
    }
    for source in sources {
        let arguments = variables(source)?;
        if arguments.seen.is_some() {
            return Ok(arguments);
        }
    }
    Ok(Arguments::default())
}

/// Returns the placeholder for something of this name.
fn placeholder(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["port"]) {
        Some("{port}")
    } else if has(&["host", "addr"]) || name == "ip" {
        Some("{host}")
    } else if has(&["file", "config", "conf", "toml"]) {
        Some("{file}")
    } else if has(&["name", "server", "node", "herd"]) || name == "id" || name == "sid" {
        Some("{name}")
    } else {
        None
    }
}

/// Arguments that argparse, click or Go's flag declare.
fn declared(source: &Source) -> Result<Arguments> {
    let mut words = String::new();
    for found in Regex::new(DECLARED)?.captures_iter(&source.text) {
        let name = &found[1];
        let is_go = found[0].starts_with("flag.");
        let value = placeholder(name);
        words += &match (value, name.starts_with('-') || is_go) {
            (Some(value), true) if is_go => format!(" -{name} {value}"),
            (Some(value), true) if name.starts_with("--") => format!(" {name} {value}"),
            (Some(value), false) => format!(" {value}"),
            (None, false) if words.is_empty() => " {name}".to_owned(),
            _ => String::new(),
        };
    }
    let seen = (!words.is_empty()).then(|| format!("{} declares its arguments", source.path));
    Ok(Arguments { variables: String::new(), words, seen })
}

/// Arguments that are unpacked at once, such as `name, port = sys.argv[1:]`.
fn unpacked(source: &Source) -> Result<Arguments> {
    let Some(found) = Regex::new(UNPACKED)?.captures(&source.text) else { return Ok(Arguments::default()) };
    let before = match &found[2] {
        "" if found[0].contains("process") => 2,
        "" => 1,
        _ => 0,
    };
    let names = found[1].split(',').map(str::trim).skip(before);
    // `*flags` and `...flags` take what is there.
    let names: Vec<&str> = names.filter(|name| !name.is_empty() && !name.starts_with(['*', '.'])).collect();
    let has_list = !found[1].contains(',') && names.len() == 1;
    if has_list || names.is_empty() {
        return Ok(Arguments::default());
    }
    let words = names.into_iter().enumerate().map(|(index, name)| (index + 1, name.to_owned())).collect();
    Ok(in_order(words, source))
}

/// Arguments that are taken by their indexes.
fn indexed(source: &Source) -> Result<Arguments> {
    let mut names: BTreeMap<usize, String> = BTreeMap::new();
    for pattern in [INDEXED, NTH] {
        for found in Regex::new(pattern)?.captures_iter(&source.text) {
            let index: usize = found[2].parse()?;
            let index = if found[0].contains("process.argv") { index.saturating_sub(1) } else { index };
            let name = found.get(1).map_or("", |name| name.as_str());
            if index > 0 && names.get(&index).is_none_or(String::is_empty) {
                names.insert(index, name.to_owned());
            }
        }
    }
    Ok(in_order(names, source))
}

/// The words for arguments by their indexes, from the first to the last without a gap.
fn in_order(names: BTreeMap<usize, String>, source: &Source) -> Arguments {
    let mut words = String::new();
    for index in 1..=MAX_ARGUMENTS {
        let Some(name) = names.get(&index) else { break };
        match placeholder(name) {
            Some(word) => words += &format!(" {word}"),
            None if index == 1 => words += " {name}",
            None => break,
        }
    }
    let seen =
        (!words.is_empty()).then(|| format!("{} takes its arguments from the command line", source.path));
    Arguments { variables: String::new(), words, seen }
}

/// Variables of the environment with the node's name or port.
fn variables(source: &Source) -> Result<Arguments> {
    let mut variables = String::new();
    for found in Regex::new(VARIABLE)?.captures_iter(&source.text) {
        let name = &found[1];
        let word = placeholder(name).filter(|word| ["{name}", "{port}"].contains(word));
        if let Some(word) = word.filter(|_| !variables.contains(&format!("{name}="))) {
            variables += &format!("{name}={word} ");
        }
    }
    let seen = variables.contains("{name}").then(|| format!("{} takes it from the environment", source.path));
    Ok(if seen.is_some() {
        Arguments { variables, words: String::new(), seen }
    } else {
        Arguments::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_shows_how_it_takes_its_name() {
        for (text, expected) in [
            ("server_name = sys.argv[1]\n", " {name}"),
            ("asyncio.run(main(sys.argv[1]))\n", " {name}"),
            ("who = sys.argv[1]\nport = int(sys.argv[2])\n", " {name} {port}"),
            ("name, file = sys.argv[1:]\n", " {name} {file}"),
            ("    *flags, name, file = sys.argv[1:]\n", " {name} {file}"),
            ("script, name = sys.argv\n", " {name}"),
            ("args = sys.argv\nname = args[1]\n", " {name}"),
            ("parser.add_argument('server_name', type=str)\n", " {name}"),
            (
                "p.add_argument(\"--name\")\np.add_argument('--port', type=int)\n",
                " --name {name} --port {port}",
            ),
            ("p.add_argument('who')\np.add_argument('-v')\n", " {name}"),
            ("const name = process.argv[2];\n", " {name}"),
            ("const [, , name, port] = process.argv;\n", " {name} {port}"),
            ("const [name, file] = process.argv.slice(-2);\n", " {name} {file}"),
            ("name := os.Args[1]\n", " {name}"),
            ("let name = std::env::args().nth(1).unwrap();\n", " {name}"),
            ("print('no arguments')\n", ""),
        ] {
            let source = Source { path: "server.py".to_owned(), text: text.to_owned() };
            assert_eq!(find(&[&source]).unwrap().words, expected, "{text}");
        }
    }

    #[test]
    fn a_name_may_come_from_the_environment() {
        let text = "const name = process.env.SERVER_NAME, port = process.env['PORT'];";
        let source = Source { path: "index.js".to_owned(), text: text.to_owned() };
        assert_eq!(find(&[&source]).unwrap().variables, "SERVER_NAME={name} PORT={port} ");
        let source = Source { text: "port = os.environ['PORT']".to_owned(), ..source };
        assert_eq!(find(&[&source]).unwrap(), Arguments::default());
    }
}
