//! Measures a question to the offline places provider, from the query to the JSON, at a crowded and
//! at an empty place.

use std::net::Ipv4Addr;

use criterion::{Criterion, criterion_group, criterion_main};
use herd::node::{Limits, PlacesQuery};
use herd::places::{Layout, Offline, Places, Provider};

fn places_offline(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let places = Places::new(Provider::Offline(Offline::new(Layout::Current)), &Limits::default());
    for (name, location) in [("Manhattan", "40.7831,-73.9712"), ("mid-Pacific", "0,-150")] {
        let query = PlacesQuery { location: location.to_owned(), metres: "50000".to_owned(), bound: 20 };
        criterion.bench_function(format!("places_offline/{name}").as_str(), |bencher| {
            bencher.iter(|| {
                runtime.block_on(places.ask(&query, Ipv4Addr::LOCALHOST.into())).expect("an answer")
            });
        });
    }
}

criterion_group!(benches, places_offline);
criterion_main!(benches);
