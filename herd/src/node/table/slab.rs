//! Storage for values that are added and never removed.

/// Values in chunks. Adding one never moves the others, so a table of a million clients grows
/// without a pause, and never needs memory for a copy.
#[derive(Debug)]
pub(super) struct Slab<T>(Vec<Vec<T>>);

/// The number of values in a chunk, as a power of two.
const CHUNK: u32 = 12;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab(Vec::new())
    }
}

impl<T> Slab<T> {
    /// Adds a value, and returns its index.
    pub(super) fn push(&mut self, value: T) -> u32 {
        if self.0.last().is_none_or(|chunk| chunk.len() == 1 << CHUNK) {
            self.0.push(Vec::with_capacity(1 << CHUNK));
        }
        let chunk = self.0.len() - 1;
        let place = self.0[chunk].len();
        self.0[chunk].push(value);
        u32::try_from((chunk << CHUNK) + place).expect("memory ends before four billion clients")
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| ((self.0.len() - 1) << CHUNK) + last.len())
    }

    /// Returns the value at `index`.
    pub(super) fn get(&self, index: u32) -> &T {
        &self.0[(index >> CHUNK) as usize][(index % (1 << CHUNK)) as usize]
    }

    /// Returns the value at `index` for changing it.
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.0[(index >> CHUNK) as usize][(index % (1 << CHUNK)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_where_they_were_put() {
        let mut slab = Slab::default();
        for value in 0..10_000 {
            assert_eq!(slab.push(value), value);
        }
        *slab.get_mut(5000) += 1;
        let read: Vec<u32> = [0, 4095, 4096, 5000, 9999].map(|index| *slab.get(index)).to_vec();
        assert_eq!(read, [0, 4095, 4096, 5001, 9999]);
    }
}
