//! `herd places`, and places from the files that it makes.

use fixtures::extract::{Extract, Node, Packing, Way};

use super::*;

/// A region with a cafe, a park and a bus stop.
fn region() -> Extract {
    let cafe: &[(&str, &str)] = &[("name", "Kiwi"), ("amenity", "cafe"), ("opening_hours", "24/7")];
    let mut extract = Extract::ordinary();
    extract.nodes(&[
        Node { id: 1, position: [601_700_000, 249_400_000], tags: cafe },
        Node {
            id: 2,
            position: [601_710_000, 249_410_000],
            tags: &[("name", "Stop"), ("highway", "bus_stop")],
        },
        Node { id: 3, position: [601_720_000, 249_420_000], tags: &[] },
    ]);
    let tags: &[(&str, &str)] = &[("name", "Park"), ("leisure", "park")];
    extract.ways(&[Way { id: 1, nodes: &[1, 3], positions: &[], tags }]);
    extract.ways(&[Way { id: 2, nodes: &[8, 9], positions: &[], tags }]);
    extract
}

/// Writes a file in the folder of the test, and returns its path.
fn written(name: &str, bytes: &[u8]) -> String {
    std::fs::write(file(name), bytes).unwrap();
    file(name)
}

fn output(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

#[test]
fn places_are_built_counted_and_found() {
    let (extract, places) = (written("region.osm.pbf", &region().bytes), file("places.bin"));
    let told = output(herd().args(["places", "build", &extract, "-o", &places]));
    let bytes = std::fs::metadata(&places).unwrap().len();
    let left_out = "1 ways and relations were left out: the extract has none of their nodes";
    assert_eq!(told, format!("{places}: 3 places, {bytes} bytes\n{left_out}\n"));
    let stat: serde_json::Value =
        serde_json::from_str(&output(herd().args(["places", "stat", &places]))).unwrap();
    let expected = serde_json::json!({
        "format": 1,
        "extract_date": "2026-09-01T00:00:00Z",
        "bytes": bytes,
        "places": 3,
        "categories": {
            "amenity": 1, "shop": 0, "tourism": 0, "leisure": 1, "office": 0, "public transport": 1,
            "historic": 0, "natural": 0,
        },
    });
    assert_eq!(stat, expected);
    let near = ["places-check", "60.17", "24.94", "--places-file", &places];
    assert_eq!(output(herd().args(near)), "works: Kiwi, Park, Stop\n");
    assert_eq!(
        output(herd().args(["places-check", "0", "0", "--places-file", &places])),
        "works: no places there\n"
    );
}

#[test]
fn the_herd_file_names_the_places_and_check_config_reads_them() {
    written("region.bin", b"not places");
    let herd_file = herd_file("osm", "127.0.0.1:21000", "127.0.0.1:21001");
    let mut text = std::fs::read_to_string(&herd_file).unwrap();
    text += "[places]\nfile = \"region.bin\"\n";
    std::fs::write(&herd_file, text).unwrap();
    let (wrong, places) =
        (stderr_of_failure(herd().args(["check-config", &herd_file]), 2), file("region.bin"));
    let reason = format!("cannot use the places file {places}: it is no places file");
    assert!(wrong.contains(&format!("{herd_file}:7: {reason}")), "{wrong}");
    let near = ["places-check", "60.17", "24.94", "--config", &herd_file];
    assert!(stderr_of_failure(herd().args(near), 2).contains(&reason));
    let extract = written("region.osm.pbf", &region().bytes);
    herd().args(["places", "build", &extract, "-o", &places]).assert().success();
    herd().args(["check-config", &herd_file]).assert().success();
    assert_eq!(output(herd().args(near)), "works: Kiwi, Park, Stop\n");
}

#[test]
fn a_damaged_extract_leaves_the_former_places_alone() {
    let places = written("places.bin", b"former");
    let mut bytes = region().bytes;
    let cut = bytes.len() - 5;
    bytes.truncate(cut);
    let extract = written("cut.osm.pbf", &bytes);
    let told = stderr_of_failure(herd().args(["places", "build", &extract, "-o", &places]), 1);
    let begin = format!("error: cannot read the extract {extract}: the blob at byte ");
    let end =
        format!(" ends beyond the end of the file, which has {cut} bytes: download the extract again\n");
    assert!(told.starts_with(&begin) && told.ends_with(&end), "{told}");
    assert_eq!(std::fs::read(&places).unwrap(), b"former");
    let told = stderr_of_failure(herd().args(["places", "stat", &places]), 1);
    assert_eq!(
        told,
        format!(
            "error: cannot use the places file {places}: it is no places file: make one with `herd places build EXTRACT.osm.pbf`\n"
        )
    );
    let missing = file("missing.osm.pbf");
    let told = stderr_of_failure(herd().args(["places", "build", &missing]), 1);
    assert!(told.starts_with(&format!("error: cannot read the extract {missing}: No such file")), "{told}");
}

/// The memory that a build may use for data, in MiB. Its extract has twice as much.
const MOST_MEMORY: u64 = 24;

#[test]
fn a_build_needs_less_memory_than_its_extract_has_bytes() {
    // Neighbouring nodes are far apart, so that each has many bytes.
    let ids: Vec<i64> = (1..=8_000).map(|number| number << 32).collect();
    let side = |id: i64| if id >> 32 & 1 == 0 { 900_000_000 } else { -900_000_000 };
    let node = |id| Node { id, position: [side(id), side(id)], tags: &[] };
    let nodes: Vec<Node<'_>> = ids.iter().map(|id| node(*id)).collect();
    let tags: &[(&str, &str)] = &[("name", "Lake"), ("natural", "water")];
    let mut extract = Extract::new(Packing::Raw, &["OsmSchema-V0.6", "DenseNodes"], None);
    extract.ways(&[Way { id: 1, nodes: &ids, positions: &[], tags }]);
    let start = extract.bytes.len();
    extract.nodes(&nodes);
    let blob = extract.bytes.split_off(start);
    let blobs = (2 * (MOST_MEMORY << 20)) as usize / blob.len();
    let path = written("large.osm.pbf", &[extract.bytes, blob.repeat(blobs)].concat());
    let places = file("places.bin");
    let limit = format!("ulimit -d {} && exec \"$@\"", MOST_MEMORY << 10);
    let mut limited = Command::new("sh");
    limited.args(["-c", &limit, "sh"]).arg(program("herd")).args(["places", "build", &path, "-o", &places]);
    assert!(output(limited.timeout(DEADLINE)).contains(": 1 places, "));
    std::fs::remove_file(&path).unwrap();
}
