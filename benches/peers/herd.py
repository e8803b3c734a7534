"""The records and answers of a herd node, without I/O: the part that the Python guests share.

Supports IAMAT, AT and WHATSAT. Places are asked for elsewhere, in places.py.
"""

import re
import time
import tomllib
from collections import namedtuple
from decimal import Decimal

LONGEST_LINE = 4096
REDIAL_SECONDS = 0.1
BACKLOG = 1024  # connections that may wait to be accepted: a load opens many at once

_LATEST = 253_402_300_799  # the last second of the year 9999
_AHEAD = 24 * 3600 * 10**9  # how far ahead of the clock a report may be, in nanoseconds

# White space is the six ASCII characters at which `bytes.split` splits.
_ID = rb"([^\x00-\x20\x7f]{1,255})"
_LATITUDE = rb"[+-](?:0?[0-8]?\d(?:\.\d{1,32})?|0?90(?:\.0{1,32})?)"
_LONGITUDE = rb"[+-](?:(?:0?\d?\d|1[0-7]\d)(?:\.\d{1,32})?|180(?:\.0{1,32})?)"
_TIME = rb"(\d{1,12})(?:\.(\d{1,9}))?"
_IAMAT = re.compile(rb"\s*IAMAT\s+%s\s+(%s%s)\s+(%s)\s*" % (_ID, _LATITUDE, _LONGITUDE, _TIME))
_WHATSAT = re.compile(rb"\s*WHATSAT\s+%s\s+(\d{1,9}(?:\.\d{1,32})?)\s+(\d{1,9})\s*" % _ID)
# At most 50, compared digit by digit, because a float has too few digits.
_IN_REACH = re.compile(rb"0*(?:[0-4]?\d(?:\.\d+)?|50(?:\.0+)?)")
_AT = re.compile(rb"AT \S+ [+-]\d+\.\d{9} %s %s%s %s" % (_ID, _LATITUDE, _LONGITUDE, _TIME))
_PLACE = re.compile(rb".* \+?(\S+)([+-]\S+) \S+\n")  # the location in an AT line, without a plus

MOST_RESULTS = 20

_NO_PLACES = b"""{
   "html_attributions" : [],
   "results" : [],
   "status" : "OK"
}

"""

Member = namedtuple("Member", "name client link neighbours")

# A question for places: the AT line that begins its answer, where ("latitude,longitude"), how far
# (in metres), and the number of results.
Question = namedtuple("Question", "line location radius bound")


def members(file):
    """The nodes of a herd file by name, with addresses as (host, port)."""
    with open(file, "rb") as toml:
        nodes = tomllib.load(toml)["node"]
    return {n["name"]: Member(n["name"], _address(n["client"]), _address(n["link"]), n["neighbours"]) for n in nodes}


def _address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


class Node:
    """The latest report of each client."""

    def __init__(self, name):
        self._name = name.encode()
        self._records = {}  # for each client, the time of its latest report, and the AT line

    def answer(self, line):
        """The answer to a client's line, and the line to flood if it was news, else None.

        For a question whose answer needs places: None, and the question."""
        if match := _IAMAT.fullmatch(line):
            answer = self._report(match)
        elif match := _WHATSAT.fullmatch(line):
            answer = self._question(match)
        else:
            answer = None, None
        return answer if answer[0] or answer[1] else (b"? " + line + b"\n", None)

    def hear(self, line):
        """Applies a neighbour's AT line, and returns whether it was news."""
        match = _AT.fullmatch(line)
        if not match:
            return False
        client, seconds, fraction = match.groups()
        return self._learn(client, (int(seconds), _nanoseconds(fraction)), line + b"\n")

    def known(self):
        """Everything that this node knows, as AT lines."""
        return b"".join([line for _, line in self._records.values()])

    def _report(self, match):
        client, location, stamp, seconds, fraction = match.groups()
        seconds, nanoseconds = int(seconds), _nanoseconds(fraction)
        skew = time.time_ns() - seconds * 10**9 - nanoseconds
        if seconds > _LATEST or skew < -_AHEAD or not _is_utf8(client):
            return None, None
        whole, fraction = divmod(abs(skew), 10**9)
        skew = b"%c%d.%09d" % (b"+-"[skew < 0], whole, fraction)
        line = b"AT %s %s %s %s %s\n" % (self._name, skew, client, location, stamp)
        return line, line if self._learn(client, (seconds, nanoseconds), line) else None

    def _question(self, match):
        client, radius, bound = match.groups()
        bound = int(bound)
        if client not in self._records or not _IN_REACH.fullmatch(radius) or bound > MOST_RESULTS:
            return None, None
        line = self._records[client][1]
        if bound == 0:
            return line + _NO_PLACES, None
        latitude, longitude = (half.decode() for half in _PLACE.fullmatch(line).groups())
        metres = f"{(Decimal(radius.decode()) * 1000).normalize():f}"
        return None, Question(line, f"{latitude},{longitude.removeprefix('+')}", metres, bound)

    def _learn(self, client, moment, line):
        """The later report wins; if the times are equal, the smaller skew, then the smaller line."""
        known = self._records.get(client)
        if known is not None:
            latest, winner = known
            if moment < latest or moment == latest and (_skew(line), line) >= (_skew(winner), winner):
                return False
        self._records[client] = moment, line
        return True


def chomp(line):
    """The line without its line end: LF, and at most one CR before it."""
    return line[:-1].removesuffix(b"\r") if line.endswith(b"\n") else line


def too_long(line):
    """The answer to a line that is longer than LONGEST_LINE; the connection closes after it."""
    return b"? " + line[:128] + b"\n"


def _nanoseconds(fraction):
    return int(fraction.ljust(9, b"0")) if fraction else 0


def _skew(line):
    """The skew of an AT line in nanoseconds."""
    return int(line.split(b" ", 3)[2].replace(b".", b""))


def _is_utf8(text):
    try:
        text.isascii() or text.decode()
    except UnicodeDecodeError:
        return False
    return True
