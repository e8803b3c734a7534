//! Where a program finds the key of the Places API.

use std::collections::BTreeMap;

use anyhow::Result;
use regex::Regex;

use super::arguments::VARIABLE;
use super::sources::Source;

/// The largest file that a guest file repeats with another key.
const MAX_FILE_BYTES: usize = 2000;

/// An assignment of a key as text.
const ASSIGNED: &str = r#"(?im)^[ \t]*(?:export\s+)?(?:const|let|var|export const)?\s*["']?(\w*key\w*)["']?\s*(?::?=|:)\s*(["'])([^"'\n]*)["']"#;

/// A file with a key alone, which a program opens.
const OPENED: &str =
    r#"(?:open|readFileSync|readFile|ReadFile|read_to_string)\(\s*["']([^"'\n]*key[^"'\n]*)["']"#;

/// Modules of Python that hold settings: students keep them out of what they hand in.
const MODULE: &str = r"(?m)^\s*(?:import|from)\s+(env|config|conf|secret|secrets_|settings|keys?|api_?keys?|credentials|constants)\b(?:\s+import\s+([\w, *]+))?";

/// Where a program finds its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ApiKey {
    /// Files to write, with `{key}` in them.
    pub(super) files: BTreeMap<String, String>,
    /// Variables of the environment, with `{key}` in them.
    pub(super) env: BTreeMap<String, String>,
    /// What the author should know.
    pub(super) remark: String,
}

impl ApiKey {
    fn is_found(&self) -> bool {
        !self.files.is_empty() || !self.env.is_empty() || !self.remark.is_empty()
    }
}

/// Finds the key of a program in its sources.
///
/// # Errors
/// A pattern is wrong.
pub(super) fn find(sources: &[Source]) -> Result<ApiKey> {
    for search in [from_environment, missing_module, assigned, opened, embedded] {
        let key = search(sources)?;
        if key.is_found() {
            return Ok(key);
        }
    }
    Ok(ApiKey { remark: "No source seems to have a key.".to_owned(), ..ApiKey::default() })
}

/// A variable such as `GOOGLE_API_KEY`.
fn from_environment(sources: &[Source]) -> Result<ApiKey> {
    let variable = Regex::new(VARIABLE)?;
    let mut key = ApiKey::default();
    for source in sources {
        for found in variable.captures_iter(&source.text) {
            if found[1].to_lowercase().contains("key") {
                key.env.insert(found[1].to_owned(), "{key}".to_owned());
                key.remark = format!("{} reads the key from the environment.", source.path);
            }
        }
    }
    Ok(key)
}

/// A module of settings that is imported and not there.
fn missing_module(sources: &[Source]) -> Result<ApiKey> {
    let module = Regex::new(MODULE)?;
    let mut key = ApiKey::default();
    for source in sources.iter().filter(|source| source.ending() == "py") {
        for found in module.captures_iter(&source.text) {
            let name = &found[1];
            let file = format!("{name}.py");
            if sources.iter().any(|source| source.path.ends_with(&file)) {
                continue;
            }
            let imported = found.get(2).map_or("", |names| names.as_str()).split(',').map(str::trim);
            let used = Regex::new(&format!(r"\b{name}\.(\w+)"))?;
            let used = used.captures_iter(&source.text).map(|used| used[1].to_owned());
            let mut names: Vec<String> = imported.map(str::to_owned).chain(used).collect();
            names.retain(|name| name.to_lowercase().contains("key"));
            if names.is_empty() {
                names.push("API_KEY".to_owned());
            }
            names.sort();
            names.dedup();
            let text = names.iter().map(|name| format!("{name} = '{{key}}'\n")).collect();
            key.remark = format!("{} imports {name}, which is not in the folder.", source.path);
            key.files.insert(file, text);
        }
    }
    Ok(key)
}

/// A key that is written in a source. A small file is repeated with `{key}` in its place.
fn assigned(sources: &[Source]) -> Result<ApiKey> {
    let assigned = Regex::new(ASSIGNED)?;
    for source in sources {
        let mut found = assigned.captures_iter(&source.text);
        let value = found.find_map(|found| looks_like_key(&found[1], &found[3]).then(|| found.get(3))?);
        let Some(value) = value else { continue };
        let line = line_of(&source.text, value.start());
        let text = [&source.text[..value.start()], "{key}", &source.text[value.end()..]].concat();
        if text.len() > MAX_FILE_BYTES || has_placeholder(&source.text) {
            return Ok(out_of_reach(source, line));
        }
        let remark = format!("{}, line {line}, has the key: the suite writes its own there.", source.path);
        return Ok(ApiKey {
            files: BTreeMap::from([(source.path.clone(), text)]),
            remark,
            ..ApiKey::default()
        });
    }
    Ok(ApiKey::default())
}

/// A file that holds the key alone, such as `api_key.txt`.
fn opened(sources: &[Source]) -> Result<ApiKey> {
    let opened = Regex::new(OPENED)?;
    for source in sources {
        let Some(found) = opened.captures(&source.text) else { continue };
        let file = found[1].trim_start_matches("./").to_owned();
        if file.starts_with('/') || file.contains("..") {
            continue;
        }
        let remark = format!("{} reads the key from {file}.", source.path);
        return Ok(ApiKey {
            files: BTreeMap::from([(file, "{key}".to_owned())]),
            remark,
            ..ApiKey::default()
        });
    }
    Ok(ApiKey::default())
}

/// A key of Google's within another text, such as a URL.
fn embedded(sources: &[Source]) -> Result<ApiKey> {
    let google = Regex::new(r"\bAIza[0-9A-Za-z_-]{20,}")?;
    let found = sources.iter().find_map(|source| Some((source, google.find(&source.text)?.start())));
    Ok(found.map(|(source, at)| out_of_reach(source, line_of(&source.text, at))).unwrap_or_default())
}

fn out_of_reach(source: &Source, line: usize) -> ApiKey {
    let remark = format!(
        "The key is in {}, line {line}, where the suite cannot write its own, so `places-radius` fails: \
         move the key to a separate file or to the environment, and name it here.",
        source.path
    );
    ApiKey { remark, ..ApiKey::default() }
}

/// Returns the number of the line at a place in a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Returns whether a text may be a key: the name of a field is not.
fn looks_like_key(variable: &str, value: &str) -> bool {
    let is_token = value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_<>. ".contains(letter));
    let is_blank = value.is_empty() && variable.to_lowercase().contains("api");
    is_token && (is_blank || value.len() >= 16 || value.to_lowercase().contains("key"))
}

/// Whether the suite would replace something in a text that it writes.
fn has_placeholder(text: &str) -> bool {
    ["{name}", "{client}", "{link}", "{host}", "{port}", "{file}", "{places}", "{key}"]
        .iter()
        .any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> ApiKey {
        let source =
            |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
        find(&files.iter().map(source).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_key_in_the_environment_is_a_variable() {
        for text in [
            "key = os.environ['GOOGLE_API_KEY']",
            "key = os.getenv(\"GOOGLE_API_KEY\")",
            "const key = process.env.GOOGLE_API_KEY;",
            "key := os.Getenv(\"GOOGLE_API_KEY\")",
            "let key = std::env::var(\"GOOGLE_API_KEY\");",
            "key = System.get_env(\"GOOGLE_API_KEY\")",
        ] {
            let key = found(&[("server", text)]);
            assert_eq!(
                key.env,
                BTreeMap::from([("GOOGLE_API_KEY".to_owned(), "{key}".to_owned())]),
                "{text}"
            );
        }
    }

    #[test]
    fn a_module_that_is_not_there_is_written() {
        for (text, file, written) in [
            ("from env import API_KEY\n", "env.py", "API_KEY = '{key}'\n"),
            ("import config\nurl = base + config.PLACES_KEY\n", "config.py", "PLACES_KEY = '{key}'\n"),
            ("from config import *\n", "config.py", "API_KEY = '{key}'\n"),
        ] {
            let key = found(&[("server.py", text)]);
            assert_eq!(key.files, BTreeMap::from([(file.to_owned(), written.to_owned())]), "{text}");
        }
    }

    #[test]
    fn a_key_in_a_small_file_is_replaced_and_not_repeated() {
        let secret = ["AIza", "SyD0123456789abcdefghijklmnopqrstuv"].concat();
        let config = format!("PORTS = {{'Hill': 12000}}\nAPI_KEY = \"{secret}\"\n");
        let key = found(&[("server.py", "import config\n"), ("config.py", &config)]);
        assert_eq!(key.files["config.py"], "PORTS = {'Hill': 12000}\nAPI_KEY = \"{key}\"\n");
        assert!(key.remark.contains("config.py, line 2"), "{}", key.remark);
        let large = format!("{config}{}", "# more\n".repeat(500));
        let key = found(&[("config.py", &large)]);
        assert!(key.files.is_empty() && key.remark.contains("places-radius"), "{key:?}");
        let url = format!("URL = 'https://maps.googleapis.com/json?key={secret}&'\n");
        let key = found(&[("server.py", &url)]);
        assert!(key.remark.contains("server.py, line 1") && !key.remark.contains(&secret), "{key:?}");
    }

    #[test]
    fn a_key_file_is_written() {
        let key = found(&[("server.py", "with open('./api_key.txt') as file:\n  key = file.read()\n")]);
        assert_eq!(key.files, BTreeMap::from([("api_key.txt".to_owned(), "{key}".to_owned())]));
        assert!(found(&[("server.py", "key = 'place_id'\n")]).remark.contains("No source"));
    }
}
