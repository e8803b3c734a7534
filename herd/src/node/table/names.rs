//! The names of the nodes that received reports, by number.

use ahash::RandomState;
use hashbrown::HashTable;

/// Names that are kept once, however many records have them. A name is never forgotten.
#[derive(Debug)]
pub(super) struct Names {
    names: Vec<Name>,
    numbers: HashTable<u16>,
    /// Hashes names with a secret seed, so that no neighbour can choose names whose hashes collide.
    hasher: RandomState,
    /// The number of the name that was asked for last. The next one is often the same.
    last: u16,
    most: usize,
}

/// A name with a prefix and a space behind it, at the end of its bytes, so that
/// [`Backwards`](super::backwards::Backwards) can copy more than that.
#[derive(Debug)]
struct Name {
    bytes: [u8; LONGEST],
    length: u8,
}

/// The start of an AT line, before the name.
const PREFIX: &[u8] = b"AT ";

/// The length of the longest name, with its prefix and the space behind it.
const LONGEST: usize = 68;

impl Name {
    fn new(name: &[u8]) -> Name {
        let mut bytes = [b' '; LONGEST];
        let start = LONGEST - 1 - name.len();
        bytes[start..LONGEST - 1].copy_from_slice(name);
        bytes[start - PREFIX.len()..start].copy_from_slice(PREFIX);
        Name { bytes, length: name.len() as u8 }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[LONGEST - 1 - usize::from(self.length)..LONGEST - 1]
    }
}

/// The number of names that are kept. A herd has far fewer nodes; the bound keeps a hostile
/// neighbour that invents names from filling the memory with them.
const MOST: usize = 4096;

impl Names {
    pub(super) fn new(hasher: RandomState) -> Names {
        Names { names: Vec::new(), numbers: HashTable::new(), hasher, last: 0, most: MOST }
    }

    /// Returns the number of a name, which is added if it is new. Returns `None` if there are too
    /// many names.
    pub(super) fn number(&mut self, name: &[u8]) -> Option<u16> {
        if self.names.get(usize::from(self.last)).is_some_and(|last| last.as_bytes() == name) {
            return Some(self.last);
        }
        let hash = self.hasher.hash_one(name);
        let is_it = |number: &u16| self.get(*number) == name;
        let number = match self.numbers.find(hash, is_it) {
            Some(number) => *number,
            None if self.names.len() == self.most => return None,
            None => self.add(name, hash),
        };
        self.last = number;
        Some(number)
    }

    /// Returns the number of a name that is known.
    pub(super) fn find(&self, name: &[u8]) -> Option<u16> {
        if self.names.get(usize::from(self.last)).is_some_and(|last| last.as_bytes() == name) {
            return Some(self.last);
        }
        self.numbers.find(self.hasher.hash_one(name), |number| self.get(*number) == name).copied()
    }

    fn add(&mut self, name: &[u8], hash: u64) -> u16 {
        let number = self.names.len() as u16;
        self.names.push(Name::new(name));
        let Names { names, numbers, hasher, .. } = self;
        numbers.insert_unique(hash, number, |number| hasher.hash_one(names[usize::from(*number)].as_bytes()));
        number
    }

    /// Returns the name with a number.
    pub(super) fn get(&self, number: u16) -> &[u8] {
        self.names[usize::from(number)].as_bytes()
    }

    /// Returns the start of the AT lines with this name, up to the skew, as a text that ends with
    /// it and the length of that end.
    pub(super) fn start_of_line(&self, number: u16) -> (&[u8], usize) {
        let name = &self.names[usize::from(number)];
        (&name.bytes, PREFIX.len() + usize::from(name.length) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_there_is_a_bound() {
        let mut names = Names { most: 2, ..Names::new(RandomState::with_seeds(1, 2, 3, 4)) };
        let alford = names.number(b"Alford").unwrap();
        let bolden = names.number(b"Bolden").unwrap();
        assert_eq!((names.get(alford), names.get(bolden)), (&b"Alford"[..], &b"Bolden"[..]));
        assert_eq!(names.number(b"Alford"), Some(alford));
        assert_eq!(names.number(b"Hamilton"), None);
    }
}
