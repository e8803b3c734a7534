//! What a place is: its category, the types that Google would give it, and how important it is.
//!
//! `herd/data/osm-types.tsv` has the rules, and says where they come from. Only `herd places build`
//! uses them: a places file contains what it needs of them.

use std::collections::BTreeMap;

use super::extract::Tags;

/// The rules. A test reads all of them.
const RULES: &str = include_str!("../../../data/osm-types.tsv");

/// The types that every place has, behind those of its rule.
const EVERY_PLACE: [&str; 2] = ["point_of_interest", "establishment"];

/// A category of places, for counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Category {
    /// `amenity=*`: restaurants, schools, banks.
    Amenity,
    /// `shop=*`.
    Shop,
    /// `tourism=*`: sights, museums, hotels.
    Tourism,
    /// `leisure=*`: parks, sports.
    Leisure,
    /// `office=*`.
    Office,
    /// Stations, stops and airports, which have several keys.
    PublicTransport,
    /// `historic=*`: castles, monuments.
    Historic,
    /// `natural=*`: peaks, lakes, beaches.
    Natural,
}

impl Category {
    /// All categories, in the order of their numbers in a places file.
    pub const ALL: [Category; 8] = [
        Category::Amenity,
        Category::Shop,
        Category::Tourism,
        Category::Leisure,
        Category::Office,
        Category::PublicTransport,
        Category::Historic,
        Category::Natural,
    ];

    /// The name, as `herd places stat` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Category::Amenity => "amenity",
            Category::Shop => "shop",
            Category::Tourism => "tourism",
            Category::Leisure => "leisure",
            Category::Office => "office",
            Category::PublicTransport => "public transport",
            Category::Historic => "historic",
            Category::Natural => "natural",
        }
    }

    /// The category of places that a key marks.
    fn of_key(key: &str) -> Option<Category> {
        match key {
            "railway" | "highway" | "aeroway" | "public_transport" => Some(Category::PublicTransport),
            _ => Category::ALL.into_iter().find(|category| category.name() == key),
        }
    }
}

/// A kind of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) category: Category,
    /// Google's types, the most specific first.
    pub(super) types: Vec<String>,
}

/// One rule: a row of the table.
#[derive(Debug)]
struct Rule {
    value: &'static str,
    further: Option<(&'static str, &'static str)>,
    importance: u8,
    /// The index of the kind.
    kind: u16,
}

/// The rules, and the kinds that they name.
#[derive(Debug)]
pub(super) struct Rules {
    /// The rules of each key, in the order of the table.
    keys: Vec<(&'static str, Vec<Rule>)>,
    pub(super) kinds: Vec<Kind>,
}

impl Rules {
    /// Reads the embedded table. A row that cannot be read would be left out; a test rules that
    /// out.
    pub(super) fn embedded() -> Rules {
        let mut rules = Rules { keys: Vec::new(), kinds: Vec::new() };
        let mut known = BTreeMap::new();
        for row in RULES.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&'static str> = row.split('\t').collect();
            let [key, value, further, importance, types] = cells[..] else { continue };
            let Some((category, importance)) = Category::of_key(key).zip(importance.parse().ok()) else {
                continue;
            };
            let kind = *known.entry((category, types)).or_insert_with(|| {
                let specific = types.split(',').filter(|name| *name != "-");
                let types = specific.chain(EVERY_PLACE).map(str::to_owned).collect();
                rules.kinds.push(Kind { category, types });
                (rules.kinds.len() - 1) as u16
            });
            let rule = Rule { value, further: further.split_once('='), importance, kind };
            match rules.keys.last_mut() {
                Some((last, of_key)) if *last == key => of_key.push(rule),
                _ => rules.keys.push((key, vec![rule])),
            }
        }
        rules
    }

    /// The index of an element's kind, and the importance of that; `None` if it is no place.
    pub(super) fn kind(&self, tags: &Tags<'_>) -> Option<(u16, u8)> {
        self.keys.iter().find_map(|(key, rules)| {
            // Several values are separated by semicolons. The first counts.
            let value = tags.get(key)?.split(';').next()?.trim();
            let counts = |rule: &&Rule| {
                (rule.value == "*" || rule.value == value)
                    && rule.further.is_none_or(|(key, value)| tags.get(key) == Some(value))
            };
            let rule = rules.iter().find(counts).filter(|_| value != "no" && !value.is_empty())?;
            Some((rule.kind, rule.importance))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_rule() {
        let rules = Rules::embedded();
        let rows = RULES.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rules.keys.iter().map(|(_, rules)| rules.len()).sum::<usize>(), rows);
        let keys: BTreeSet<&str> = rules.keys.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.len(), rules.keys.len(), "the rows of a key are together");
        let categories: BTreeSet<Category> = rules.kinds.iter().map(|kind| kind.category).collect();
        assert_eq!(categories, Category::ALL.into());
        for (key, rules) in &rules.keys {
            let most = rules.iter().map(|rule| rule.importance).max();
            assert!(most <= Some(5), "{key}");
            let all = rules.iter().position(|rule| rule.value == "*");
            assert!(all.is_none_or(|index| index == rules.len() - 1), "{key}: `*` is the last row");
        }
    }
}
