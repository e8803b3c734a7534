//! The placeholders in a guest file's commands and texts.

use std::path::Path;

use herd::config::Member;

use super::shell::quote;

/// The values of placeholders.
#[derive(Clone, Debug)]
pub(super) struct Placeholders(Vec<(&'static str, String)>);

impl Placeholders {
    /// Returns those that are the same for all nodes: `{key}`, `{places}`, `{file}` and `{host}`.
    pub(super) fn of_herd(key: &str, places: &str, file: &Path) -> Placeholders {
        let values = [
            ("{key}", key.to_owned()),
            ("{places}", places.to_owned()),
            ("{file}", file.display().to_string()),
            ("{host}", "127.0.0.1".to_owned()),
        ];
        Placeholders(values.into())
    }

    /// Adds those of one node.
    pub(super) fn of_node(&self, node: &Member) -> Placeholders {
        let mut values = vec![
            ("{name}", node.name.clone()),
            ("{client}", node.client.to_string()),
            ("{link}", node.link.to_string()),
            ("{port}", node.client.port().to_string()),
            ("{host}", node.client.ip().to_string()),
        ];
        values.extend(self.0.iter().cloned());
        Placeholders(values)
    }

    /// Replaces the placeholders of a text.
    pub(super) fn fill(&self, text: &str) -> String {
        self.fill_with(text, str::to_owned)
    }

    /// Replaces the placeholders of a shell command by values that the shell takes as they are.
    pub(super) fn fill_command(&self, command: &str) -> String {
        self.fill_with(command, quote)
    }

    fn fill_with(&self, text: &str, write: impl Fn(&str) -> String) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, &write(value)))
    }
}

#[cfg(test)]
mod tests {
    use crate::conformance::graphs;

    use super::*;

    #[test]
    fn placeholders_are_replaced_by_a_nodes_values() {
        let herd = Placeholders::of_herd("AIza", "http://127.0.0.1:80", Path::new("a b/herd.toml"));
        let member = &graphs::find("2015-winter", Path::new("")).unwrap().herd().members[0].clone();
        let node = herd.of_node(member);
        let filled = node.fill("{name} {client} {link} {host}:{port} {key} {places} {file} {other}");
        assert_eq!(
            filled,
            "Alford 127.0.0.1:12480 127.0.0.1:12580 127.0.0.1:12480 AIza http://127.0.0.1:80 \
             a b/herd.toml {other}"
        );
        assert_eq!(node.fill_command("run {name} {file}"), "run Alford 'a b/herd.toml'");
        assert_eq!(herd.fill("{name}{host}"), "{name}127.0.0.1");
    }
}
