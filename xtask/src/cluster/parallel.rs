//! Work on many items, several at a time.

use std::sync::Mutex;
use std::thread;

/// Calls `work` for each item, in `threads` threads, and returns the results in the order of the
/// items. After the first error, no further item is begun.
///
/// # Errors
/// The error of `work`.
///
/// # Panics
/// `work` panics.
pub fn in_parallel<'a, T: Sync, R: Send, E: Send>(
    items: &'a [T],
    threads: usize,
    work: impl Fn(&'a T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let remaining = Mutex::new(items.iter().enumerate());
    let next = || remaining.lock().ok()?.next();
    let work_on_some = || {
        let mut results = Vec::new();
        while let Some((number, item)) = next() {
            match work(item) {
                Ok(result) => results.push((number, result)),
                Err(error) => {
                    while next().is_some() {}
                    return Err(error);
                }
            }
        }
        Ok(results)
    };
    let mut results = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work_on_some)).collect();
        let mut results = Vec::new();
        for worker in workers {
            results.extend(worker.join().expect("the work should not panic")?);
        }
        Ok(results)
    })?;
    results.sort_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Returns the number of threads that keep every processor busy.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        let doubled = in_parallel(&items, 4, |item| Ok::<_, ()>(item * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }

    #[test]
    fn no_item_is_begun_after_an_error() {
        let begun = AtomicUsize::new(0);
        let result = in_parallel(&[1, 2, 3, 4], 1, |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 2 { Err("two") } else { Ok(()) }
        });
        assert_eq!((result, begun.into_inner()), (Err("two"), 2));
    }
}
