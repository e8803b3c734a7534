//! Measures questions to places from OpenStreetMap: a search of a million places and the answer
//! with its JSON, within 5 km in a dense city; and a search within 50 km.

use std::net::Ipv4Addr;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use herd::node::{Limits, PlacesQuery};
use herd::places::osm::{Osm, Table};
use herd::places::{Fields, Layout, Places, Provider};
use xtask::cluster::workspace::target_dir;
use xtask::load::places::{CITY, write_country};

use benches::{Percentiles, is_measured};

/// The most results of a question.
const MOST: usize = 20;

fn places_osm(criterion: &mut Criterion) {
    let places = if is_measured() { 1_000_000 } else { 10_000 };
    let folder = target_dir().expect("a target folder").join("bench");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let file = folder.join("places.bin");
    write_country(places, &file).expect("the places file can be written");
    let table = Table::read(&file).expect("the places file is right");
    let bytes = table.summary().bytes as f64 / places as f64;
    assert!(bytes <= 100.0, "{bytes} bytes a place");
    // The places around the centre, one after another, so that the caches do not know the way.
    let mut step = 0;
    let mut point = || {
        step = (step + 1) % 1_000;
        let away = |step: u32| 0.05 * (f64::from(step) / 1_000.0 - 0.5);
        [CITY[0] + away(step), CITY[1] + away(step * 7 % 1_000)]
    };
    for (name, metres) in [("5 km", 5_000.0), ("50 km", 50_000.0)] {
        let mut latencies = Percentiles::default();
        criterion.bench_function(format!("places_osm/search {name}").as_str(), |bencher| {
            bencher.iter(|| {
                let point = point();
                let began = Instant::now();
                let found = table.search(point, metres, MOST).len();
                latencies.add(began.elapsed());
                assert_eq!(found, MOST);
            });
        });
        latencies.print(name);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let osm = Osm::open(&file, Layout::Current, Fields::Pro).expect("the places file is right");
    let places = Places::new(Provider::Osm(osm), &Limits::default());
    let mut latencies = Percentiles::default();
    criterion.bench_function("places_osm/answer 5 km", |bencher| {
        bencher.iter(|| {
            let [latitude, longitude] = point();
            let location = format!("{latitude:.6},{longitude:.6}");
            let query = PlacesQuery { location, metres: "5000".to_owned(), bound: MOST };
            let began = Instant::now();
            runtime.block_on(places.ask(&query, Ipv4Addr::LOCALHOST.into())).expect("an answer");
            latencies.add(began.elapsed());
        });
    });
    latencies.print("answer");
}

criterion_group!(benches, places_osm);
criterion_main!(benches);
