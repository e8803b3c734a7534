//! Storage for values that keep their indices.

/// Values in chunks. Adding one never moves the others, so a table of a million clients grows
/// without a pause, and never needs memory for a copy. The indices of removed values are used
/// again, and a chunk without values takes no memory.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// The chunks that have room.
    with_room: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    values: Vec<T>,
    /// The places of removed values.
    unused: Vec<u16>,
}

/// The number of values in a chunk.
const CHUNK: u32 = 4096;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { chunks: Vec::new(), with_room: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    /// Adds a value, and returns its index. Slabs to which values were added and removed in the
    /// same order have the same indices.
    pub(super) fn push(&mut self, value: T) -> u32 {
        let number = self.chunk_with_room();
        let chunk = &mut self.chunks[number as usize];
        let place = chunk.add(value);
        if chunk.is_full() {
            self.with_room.pop();
        }
        self.len += 1;
        number * CHUNK + u32::from(place)
    }

    fn chunk_with_room(&mut self) -> u32 {
        if let Some(number) = self.with_room.last() {
            return *number;
        }
        let number = u32::try_from(self.chunks.len()).ok().filter(|number| *number < u32::MAX / CHUNK);
        let number = number.expect("memory ends before four billion clients");
        self.chunks.push(Chunk { values: Vec::new(), unused: Vec::new() });
        self.with_room.push(number);
        number
    }

    /// Removes the value at `index`, which is in use. `unused` stands there until the index is used
    /// again, or the chunk has no values left.
    pub(super) fn remove(&mut self, index: u32, unused: T) {
        let number = index / CHUNK;
        let chunk = &mut self.chunks[number as usize];
        if chunk.is_full() {
            self.with_room.push(number);
        }
        let place = index % CHUNK;
        chunk.values[place as usize] = unused;
        chunk.unused.push(place as u16);
        if chunk.unused.len() == chunk.values.len() {
            *chunk = Chunk { values: Vec::new(), unused: Vec::new() };
        }
        self.len -= 1;
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns an index that is greater than all indices in use.
    pub(super) fn end(&self) -> u32 {
        self.chunks.len() as u32 * CHUNK
    }

    /// Returns the value at `index`, which is in use.
    pub(super) fn get(&self, index: u32) -> &T {
        &self.chunks[(index / CHUNK) as usize].values[(index % CHUNK) as usize]
    }

    /// Returns the value at `index`. If the index is not in use, returns what stands there, if
    /// anything does.
    pub(super) fn look(&self, index: u32) -> Option<&T> {
        self.chunks.get((index / CHUNK) as usize)?.values.get((index % CHUNK) as usize)
    }

    /// Returns the value at `index`, which is in use, for changing it.
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[(index / CHUNK) as usize].values[(index % CHUNK) as usize]
    }
}

impl<T> Chunk<T> {
    fn is_full(&self) -> bool {
        self.unused.is_empty() && self.values.len() == CHUNK as usize
    }

    /// Adds a value, and returns its place.
    fn add(&mut self, value: T) -> u16 {
        if let Some(place) = self.unused.pop() {
            self.values[usize::from(place)] = value;
            return place;
        }
        if self.values.capacity() == 0 {
            self.values.reserve_exact(CHUNK as usize);
        }
        self.values.push(value);
        (self.values.len() - 1) as u16
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

    #[test]
    fn indices_of_removed_values_are_used_again_and_a_chunk_without_values_takes_no_memory() {
        let mut slab = Slab::default();
        (0..3 * CHUNK).for_each(|value| assert_eq!(slab.push(value), value));
        (CHUNK..2 * CHUNK).for_each(|index| slab.remove(index, u32::MAX));
        slab.remove(7, u32::MAX);
        assert_eq!(slab.len() as u32, 2 * CHUNK - 1);
        assert_eq!((slab.look(7), slab.look(CHUNK + 7), slab.look(3 * CHUNK)), (Some(&u32::MAX), None, None));
        assert_eq!(slab.chunks[1].values.capacity(), 0);
        let mut again: Vec<u32> = (0..=CHUNK).map(|value| slab.push(value)).collect();
        again.sort_unstable();
        assert_eq!(again, [7].into_iter().chain(CHUNK..2 * CHUNK).collect::<Vec<_>>());
        assert_eq!((slab.push(1), slab.end()), (3 * CHUNK, 4 * CHUNK));
    }
}
