//! Extracts that are refused.

use super::*;

/// An ordinary extract with one more blob of this content.
fn with_block(content: &[u8]) -> Vec<u8> {
    let mut extract = Extract::ordinary();
    extract.blob("OSMData", content);
    extract.bytes
}

/// An ordinary extract with one more blob, packed as `blob` says.
fn with_blob(blob: &[u8]) -> Vec<u8> {
    let mut extract = Extract::ordinary();
    extract.packed_blob("OSMData", blob);
    extract.bytes
}

fn reason(bytes: &[u8]) -> String {
    try_build(bytes).unwrap_err().to_string()
}

#[test]
fn an_extract_that_ends_too_early_is_refused_wherever_it_ends() {
    let mut extract = Extract::ordinary();
    let header = extract.bytes.len();
    extract.nodes(&[node(1, 60.0, 24.0, CAFE)]);
    for end in 1..extract.bytes.len() {
        let told = try_build(&extract.bytes[..end]);
        if end == header {
            assert_eq!(told.unwrap().places, 0);
            continue;
        }
        let told = told.unwrap_err().to_string();
        let blob = if end < header { 0 } else { header };
        let expected = format!(
            "the blob at byte {blob} ends beyond the end of the file, which has {end} bytes: download"
        );
        assert!(told.starts_with(&expected), "{told}");
    }
}

#[test]
fn an_extract_with_a_wrong_frame_is_refused_with_the_reason() {
    let empty_header = Extract::new(Packing::Raw, &[], None);
    let mut no_header = Extract { bytes: Vec::new(), packing: Packing::Raw };
    no_header.blob("OSMData", b"");
    let mut unknown = Extract::new(Packing::Raw, &["OsmSchema-V0.6", "Magic"], None);
    unknown.nodes(&[]);
    let history = Extract::new(Packing::Raw, &["HistoricalInformation"], None);
    let mut long = Vec::new();
    number_field(&mut long, 3, 33 << 20);
    let long = [&[0, 0, 0, 16][..], &message(1, b"OSMHeader"), &long].concat();
    let mut two = message(1, b"");
    two.extend(message(1, b""));
    for (bytes, expected) in [
        (Vec::new(), "the file is empty"),
        (b"not an extract at all".to_vec(), "it is no extract in the PBF format"),
        (no_header.bytes, "the blob at byte 0 is not the header of an extract"),
        (unknown.bytes, "the extract requires the feature \"Magic\", which herd does not know"),
        (history.bytes, "the file has the history of each element"),
        (long, "the blob at byte 0 has 34603008 bytes, and 33554432 are allowed"),
        (with_blob(b""), "has no content"),
        (with_blob(&two), "has two contents"),
        (with_blob(&message(4, b"x")), "is packed with lzma, which herd does not read"),
        (with_blob(&message(7, b"x")), "is packed with zstd, which herd does not read"),
        (with_blob(&message(3, b"x")), "cannot be unpacked"),
        (with_blob(b"\x0b"), "is malformed (a field has an unknown type)"),
    ] {
        assert!(reason(&bytes).contains(expected), "{}", reason(&bytes));
    }
    assert_eq!(try_build(&empty_header.bytes).unwrap().places, 0);
}

#[test]
fn a_blob_that_unpacks_to_too_much_is_refused_before_it_has() {
    // 40 MiB of zeros are about 40 KiB.
    let bomb = with_block(&vec![0; 40 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert!(
        reason(&bomb).contains("unpacks to more than the 33554432 bytes that are allowed"),
        "{}",
        reason(&bomb)
    );
}

#[test]
fn wrong_elements_are_refused_with_the_reason() {
    let strings = message(1, &message(1, b""));
    let group =
        |field, element: &[u8]| with_block(&[strings.clone(), message(2, &message(field, element))].concat());
    let of_nodes = |nodes: &[Node<'_>]| {
        let mut extract = Extract::ordinary();
        extract.nodes(nodes);
        extract.bytes
    };
    let far = Node { id: 1, position: [900_000_001, 0], tags: &[] };
    let mut endless = message(1, b"\x80");
    endless.extend(message(8, b""));
    for (bytes, expected) in [
        (of_nodes(&[node(-5, 0.0, 0.0, STOP)]), "a place has an id that OpenStreetMap does not give"),
        (of_nodes(&[node(0, 0.0, 0.0, STOP)]), "a place has an id that OpenStreetMap does not give"),
        (of_nodes(&[node(i64::MAX, 0.0, 0.0, STOP)]), "a place has an id that OpenStreetMap does not give"),
        (
            of_nodes(&[node(i64::MAX, 0.0, 0.0, &[]), node(i64::MIN, 0.0, 0.0, &[])]),
            "an id or a coordinate is too large",
        ),
        (of_nodes(&[far]), "a position is not on Earth"),
        (group(2, &endless), "a number does not end"),
        (group(2, &message(1, b"\x02")), "a node has no id or no position"),
        (
            group(
                2,
                &[message(1, b"\x02"), message(8, b"\x00"), message(9, b"\x00"), message(10, b"\x07\x07")]
                    .concat(),
            ),
            "a tag is not in the table of strings",
        ),
        (
            group(
                2,
                &[message(1, b"\x02"), message(8, b"\x00"), message(9, b"\x00"), message(10, b"\x07")]
                    .concat(),
            ),
            "a tag has no value",
        ),
        (group(1, b""), "a node has no id or no position"),
        (group(3, b""), "a way has no id"),
        (group(3, &[&message(2, b"\x00")[..], b"\x08\x01"].concat()), "a tag has no key or no value"),
        (group(4, b""), "a relation has no id"),
    ] {
        match try_build(&bytes) {
            Err(error) => {
                let told = error.to_string();
                let is_told = told.contains(&format!("is malformed ({expected})")) && told.ends_with("again");
                assert!(is_told && !expected.is_empty(), "{told}");
            }
            Ok(built) => assert!(expected.is_empty() && built.places == 0, "{expected}"),
        }
    }
}
