//! Reads the text of a herd file key by key, so that one wrong key does not hide another.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::value::Error as Unread;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::Problems;
use super::tables::{HerdFile, NodeTable, TOP};
use crate::nearest::nearest;

const NO_NODES: &str = "a herd needs at least one [[node]] table";

/// The most keys of a table that a message lists.
const KEYS_TO_LIST: usize = 12;

impl Problems<'_> {
    /// Reads the text. Returns `None` if it is not TOML.
    pub(super) fn read(&mut self) -> Option<HerdFile> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            for error in errors {
                self.add(error.span().map(|span| span.start), error.message().trim().to_owned());
            }
            return None;
        }
        let mut file = HerdFile::default();
        let keys = self.known_keys(document.get_ref(), &TOP, "a herd file");
        for (key, value) in &keys {
            match *key {
                "name" => file.name = self.name(value),
                "node" => file.node = self.nodes(value),
                "limits" => {
                    let before = self.found.len();
                    file.limits = self.table(value, "[limits]").0;
                    // If one limit could not be read, contradictions between limits may be
                    // spurious.
                    if self.found.len() == before {
                        let contradictions = file.limits.contradictions();
                        contradictions.into_iter().for_each(|problem| self.at(value, problem));
                    }
                }
                "places" => file.places = self.table(value, "[places]").0,
                "links" => file.links = self.table(value, "[links]").0,
                "clients" => file.clients = self.table(value, "[clients]").0,
                "backbone" => file.backbone = Some(self.table(value, "[backbone]").0),
                "traces" => file.traces = Some(self.table(value, "[traces]").0),
                _ => file.admin = self.table(value, "[admin]").0,
            }
        }
        let is_missing = |name| keys.iter().all(|(key, _)| *key != name);
        if is_missing("name") {
            self.add(None, "the herd has no name: add one at the top, such as name = \"pair\"".to_owned());
        }
        if is_missing("node") {
            self.add(None, NO_NODES.to_owned());
        }
        Some(file)
    }

    fn name(&mut self, value: &Spanned<DeValue<'_>>) -> String {
        let name = value.get_ref().as_str();
        if name.is_none() {
            self.at(value, format!("the herd's `name` must be a string, not {}", kind_of(value)));
        }
        name.unwrap_or_default().to_owned()
    }

    fn nodes(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<NodeTable> {
        let Some(nodes) = value.get_ref().as_array() else {
            self.at(
                value,
                "`node` must be an array of tables: write [[node]] with two brackets on each side".to_owned(),
            );
            return Vec::new();
        };
        if nodes.is_empty() {
            self.at(value, NO_NODES.to_owned());
        }
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> NodeTable {
        let (node, keys) = self.table::<NodeTable>(value, "[[node]]");
        for (key, example) in [("name", "Alford"), ("client", "127.0.0.1:12480"), ("link", "127.0.0.1:12580")]
        {
            if value.get_ref().is_table() && !keys.contains(key) {
                self.at(
                    value,
                    format!("this [[node]] has no `{key}`: add one, such as {key} = \"{example}\""),
                );
            }
        }
        node
    }

    /// Reads a table. Returns it and the set of its keys. Keys with wrong values keep their
    /// defaults.
    fn table<T: DeserializeOwned + Default>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        what: &str,
    ) -> (T, BTreeSet<&'static str>) {
        let mut right = DeTable::new();
        let mut keys = BTreeSet::new();
        let Some(table) = value.get_ref().as_table() else {
            self.at(value, format!("{what} must be a table, not {}", kind_of(value)));
            return (T::default(), keys);
        };
        for (key, value) in self.known_keys(table, keys_of::<T>(), what) {
            let entry = (Spanned::new(value.span(), Cow::Borrowed(key)), value);
            match read::<T>(DeTable::from_iter([entry.clone()])) {
                Ok(_) => right.extend([entry]),
                Err(error) => {
                    let place = error.span().unwrap_or(entry.1.span());
                    self.add(Some(place.start), format!("`{key}`: {}", error.message().trim()));
                }
            }
            keys.insert(key);
        }
        (read(right).unwrap_or_default(), keys)
    }

    /// The entries of a table whose keys are in `known`. A misspelt key is a problem. If the key
    /// that was probably meant is missing, the entry is checked under that key.
    fn known_keys<'i>(
        &mut self,
        table: &DeTable<'i>,
        known: &[&'static str],
        what: &str,
    ) -> Vec<(&'static str, Spanned<DeValue<'i>>)> {
        let mut entries = Vec::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let right = known.iter().copied().find(|known| *known == name);
            let meant = right.or_else(|| {
                let meant = nearest(name, known.iter().copied());
                let hint = match meant {
                    Some(meant) => format!(": did you mean `{meant}`?"),
                    None if known.len() <= KEYS_TO_LIST => format!(": its keys are {}", known.join(", ")),
                    None => String::new(),
                };
                self.at(key, format!("{what} has no key `{name}`{hint}"));
                meant.filter(|meant| !table.contains_key(*meant))
            });
            entries.extend(meant.map(|meant| (meant, value.clone())));
        }
        entries
    }
}

fn kind_of(value: &Spanned<DeValue<'_>>) -> String {
    let kind = value.get_ref().type_str();
    if kind.starts_with(['a', 'i']) { format!("an {kind}") } else { format!("a {kind}") }
}

fn read<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(toml::Deserializer::from(Spanned::new(0..0, table)))
}

/// The keys of a table: the fields of its type, from its serde implementation.
fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Fields<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = Unread;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Unread> {
            *self.0 = fields;
            Err(Unread::custom("there is nothing to read"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
            Err(Unread::custom("a table has fields"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut keys: &'static [&'static str] = &[];
    // Always fails: it only passes the fields.
    let _ = T::deserialize(Fields(&mut keys));
    keys
}
