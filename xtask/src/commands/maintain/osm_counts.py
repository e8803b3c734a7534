"""Counts the places of an extract with pyosmium, which shares no code with `herd places build`.

Prints one line of JSON: the number of places by category, the number of ways and multipolygons that
have no node in the extract, and the time of the newest change. The rules are those of herd/data/osm-types.tsv, written again.
"""

import collections
import json
import sys

import osmium

CATEGORIES = {
    "amenity": "amenity",
    "shop": "shop",
    "tourism": "tourism",
    "leisure": "leisure",
    "office": "office",
    "railway": "public transport",
    "highway": "public transport",
    "aeroway": "public transport",
    "public_transport": "public transport",
    "historic": "historic",
    "natural": "natural",
}

# Most values of these keys are no places.
SOME = {
    "railway": {"station", "halt", "tram_stop"},
    "highway": {"bus_stop"},
    "aeroway": {"aerodrome"},
}


def category(tags):
    """The category of an element; None if it is no place."""
    if not tags.get("name", "").strip():
        return None
    for key, name in CATEGORIES.items():
        value = tags.get(key, "").split(";")[0].strip()
        if value not in ("", "no") and (key not in SOME or value in SOME[key]):
            return name
    return None


def main(extract):
    counts = collections.Counter({name: 0 for name in CATEGORIES.values()})
    without_position = 0
    newest = None
    located = set()
    for element in osmium.FileProcessor(extract).with_locations():
        newest = max(newest or element.timestamp, element.timestamp)
        if element.is_node():
            has_position = True
        elif element.is_way():
            has_position = any(node.location.valid() for node in element.nodes)
            if has_position:
                located.add(element.id)
        elif element.is_relation() and element.tags.get("type") == "multipolygon":
            has_position = any(member.type == "w" and member.ref in located for member in element.members)
        else:
            continue
        name = category(element.tags)
        if name and has_position:
            counts[name] += 1
        elif name:
            without_position += 1
    newest = newest.strftime("%Y-%m-%dT%H:%M:%SZ")
    print(json.dumps({"categories": counts, "without_position": without_position, "newest": newest}))


main(sys.argv[1])
