//! Texts that are too long for a record's slot.

use super::slab::Slab;

/// Texts by number. The numbers of removed texts are used again.
#[derive(Debug, Default)]
pub(super) struct Texts(Slab<Box<[u8]>>);

impl Texts {
    /// Stores a text, and returns its number. It replaces the text `known`, if there is one.
    pub(super) fn put(&mut self, known: Option<u32>, text: &[u8]) -> u32 {
        let Some(number) = known else { return self.0.push(text.into()) };
        let place = self.0.get_mut(number);
        // Most reports of one client have the same length.
        if place.len() == text.len() {
            place.copy_from_slice(text);
        } else {
            *place = text.into();
        }
        number
    }

    /// Returns the text with a number.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        self.0.get(number)
    }

    /// Removes a text.
    pub(super) fn remove(&mut self, number: u32) {
        self.0.remove(number, Box::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_be_replaced_and_the_number_of_a_removed_one_is_used_again() {
        let mut texts = Texts::default();
        let [first, second] = [&b"one"[..], b"two"].map(|text| texts.put(None, text));
        assert_eq!(texts.put(Some(second), b"twelve"), second);
        texts.remove(first);
        assert_eq!(texts.put(None, b"three"), first);
        assert_eq!((texts.get(first), texts.get(second)), (&b"three"[..], &b"twelve"[..]));
    }
}
