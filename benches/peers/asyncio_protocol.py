"""A herd node on asyncio's protocols. It handles all lines of a read together: one write for their
answers, and one write to each neighbour for the updates that were news.

Usage: asyncio_protocol.py [--uvloop] NAME HERD_FILE
Places need GOOGLE_API_KEY in the environment. asyncio and uvloop set TCP_NODELAY by themselves.
"""

import asyncio
import sys

from herd import BACKLOG, LONGEST_LINE, REDIAL_SECONDS, Node, members, too_long
from places import ask


class Herd:
    """The state that the connections of a node share."""

    def __init__(self, name):
        self.node = Node(name)
        self.links = {}  # the transports to neighbours that can be reached

    def flood(self, news, origin=None):
        # Nothing waits for a slow neighbour: its lines queue in its transport's buffer.
        data = b"".join(news)
        for neighbour, transport in self.links.items():
            if neighbour != origin:
                transport.write(data)


class LineProtocol(asyncio.Protocol):
    """Splits its input into lines, and handles all lines of a read at once."""

    def __init__(self, herd):
        self._herd = herd
        self._begun = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        *lines, self._begun = (self._begun + data).split(b"\n")
        lines = [line.removesuffix(b"\r") for line in lines]
        if len(self._begun) > LONGEST_LINE + 1:  # one more for a CR
            lines.append(self._begun)
        if lines:
            self.lines_received(lines)


class Client(LineProtocol):
    _asking = None  # the task that waits for places; the lines behind the question wait for it
    _ended = False  # whether the client has closed its sending side
    _is_slow = False  # whether the client does not read its answers

    def lines_received(self, lines):
        answers, news = [], []
        for number, line in enumerate(lines):
            if len(line) > LONGEST_LINE:
                answers.append(too_long(line))
                break
            answer, update = self._herd.node.answer(line)
            if answer is None:
                self._transport.pause_reading()
                self._asking = asyncio.create_task(self._ask(update, lines[number + 1 :]))
                break
            answers.append(answer)
            if update:
                news.append(update)
        self._transport.write(b"".join(answers))
        if len(line) > LONGEST_LINE:
            self._transport.close()
        if news:
            self._herd.flood(news)

    async def _ask(self, question, later):
        """Answers a question, and then the lines behind it."""
        answer = await ask(question)
        self._asking = None
        self._transport.write(answer)
        if later:
            self.lines_received(later)
        if self._asking:
            return
        if self._ended:
            self._transport.close()
        elif not self._is_slow:
            self._transport.resume_reading()

    def eof_received(self):
        # The rest is a line too. Returning False closes the connection after the last write.
        if self._begun:
            self.lines_received([self._begun])
        self._ended = True
        return self._asking is not None

    # Stop reading from a client that does not read its answers.
    def pause_writing(self):
        self._is_slow = True
        self._transport.pause_reading()

    def resume_writing(self):
        self._is_slow = False
        if not self._asking:
            self._transport.resume_reading()


class LinkFromNeighbour(LineProtocol):
    """A neighbour: its first line is its name, and the others are AT lines."""

    _neighbour = None

    def lines_received(self, lines):
        if self._neighbour is None:
            self._neighbour = lines.pop(0).decode()
        news = [line + b"\n" for line in lines if self._herd.node.hear(line)]
        if news:
            self._herd.flood(news, self._neighbour)


class LinkToNeighbour(asyncio.Protocol):
    """Sends this node's name, everything it knows, and then news. The neighbour sends nothing."""

    def __init__(self, herd, name, neighbour):
        self._herd, self._name, self._neighbour = herd, name, neighbour
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        transport.write(b"%s\n%s" % (self._name.encode(), self._herd.node.known()))
        self._herd.links[self._neighbour] = transport

    def connection_lost(self, exc):
        del self._herd.links[self._neighbour]
        self.lost.set_result(None)


async def keep_link(herd, name, neighbour):
    """Dials a neighbour, again and again, until this node stops."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            make = lambda: LinkToNeighbour(herd, name, neighbour.name)
            _, link = await loop.create_connection(make, *neighbour.link)
            await link.lost
        except OSError:
            pass  # the neighbour is down
        await asyncio.sleep(REDIAL_SECONDS)


async def run(name, file):
    everybody = members(file)
    me = everybody[name]
    herd = Herd(name)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: LinkFromNeighbour(herd), *me.link, backlog=BACKLOG)
    clients = await loop.create_server(lambda: Client(herd), *me.client, backlog=BACKLOG)
    links = [keep_link(herd, name, everybody[neighbour]) for neighbour in me.neighbours]
    await asyncio.gather(*links, clients.serve_forever())


def main():
    *flags, name, file = sys.argv[1:]
    if flags == ["--uvloop"]:
        import uvloop

        uvloop.run(run(name, file))
    else:
        asyncio.run(run(name, file))


if __name__ == "__main__":
    main()
