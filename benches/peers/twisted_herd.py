"""A herd node on Twisted: line receivers, whose transports collect writes until the next turn
of the reactor.

Usage: twisted_herd.py NAME HERD_FILE
Places need GOOGLE_API_KEY in the environment.
"""

import sys

from twisted.application.internet import ClientService
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import LineOnlyReceiver
from zope.interface import implementer

from herd import BACKLOG, LONGEST_LINE, REDIAL_SECONDS, Node, members, too_long
from places import AT_ONCE, answer_to


class HerdFactory(Factory):
    """Creates the connections of one kind, with the state that they share."""

    noisy = False

    def __init__(self, protocol, herd, neighbour=None):
        self.protocol, self.herd, self.neighbour = protocol, herd, neighbour


class Herd:
    def __init__(self, name):
        self.name = name.encode()
        self.node = Node(name)
        self.links = {}  # the transports to neighbours that can be reached

    def flood(self, line, origin=None):
        # Nothing waits for a slow neighbour: its lines queue in its transport's buffer.
        for neighbour, transport in self.links.items():
            if neighbour != origin:
                transport.write(line)


@implementer(IHalfCloseableProtocol)
class Client(LineOnlyReceiver):
    delimiter = b"\n"
    MAX_LENGTH = LONGEST_LINE + 1  # one more for a CR
    later = None  # while a question for places waits: the lines behind it
    ended = False  # whether the client has closed its sending side

    def connectionMade(self):
        self.herd = self.factory.herd
        self.transport.setTcpNoDelay(True)
        # Stop reading from a client that does not read its answers.
        self.transport.registerProducer(self.transport, True)

    def lineReceived(self, line):
        line = line.removesuffix(b"\r")
        if len(line) > LONGEST_LINE:
            return self.lineLengthExceeded(line)
        self.answer(line)

    def answer(self, line):
        if self.later is not None:
            return self.later.append(line)
        answer, news = self.herd.node.answer(line)
        if answer is None:
            return self.ask(question=news)
        self.transport.write(answer)
        if news:
            self.herd.flood(news)

    def ask(self, question):
        self.later = []
        self.transport.pauseProducing()
        deferToThread(answer_to, question).addCallback(self.placesFound)

    def placesFound(self, answer):
        self.transport.write(answer)
        lines, self.later = self.later, None
        self.transport.resumeProducing()
        for line in lines:
            self.lineReceived(line)
        self.closeIfEnded()

    def closeIfEnded(self):
        if self.ended and self.later is None:
            self.transport.loseConnection()

    def lineLengthExceeded(self, line):
        self.transport.write(too_long(line))
        self.transport.loseConnection()

    def readConnectionLost(self):
        # The rest is a line too; the receiver has no public name for it.
        if self._buffer:
            self.answer(self._buffer)
        self.ended = True
        self.closeIfEnded()

    def writeConnectionLost(self):
        pass


class LinkFromNeighbour(LineOnlyReceiver):
    """A neighbour: its first line is its name, and the others are AT lines."""

    delimiter = b"\n"
    neighbour = None

    def lineReceived(self, line):
        herd = self.factory.herd
        if self.neighbour is None:
            self.neighbour = line.decode()
        elif herd.node.hear(line):
            herd.flood(line + b"\n", self.neighbour)


class LinkToNeighbour(Protocol):
    """Sends this node's name, everything it knows, and then news. The neighbour sends nothing."""

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        herd = self.factory.herd
        self.transport.write(b"%s\n%s" % (herd.name, herd.node.known()))
        herd.links[self.factory.neighbour] = self.transport

    def connectionLost(self, reason):
        del self.factory.herd.links[self.factory.neighbour]


def main():
    name, file = sys.argv[1:]
    everybody = members(file)
    me = everybody[name]
    herd = Herd(name)
    for (host, port), protocol in (me.link, LinkFromNeighbour), (me.client, Client):
        reactor.listenTCP(port, HerdFactory(protocol, herd), BACKLOG, host)
    for neighbour in me.neighbours:
        endpoint = TCP4ClientEndpoint(reactor, *everybody[neighbour].link)
        factory = HerdFactory(LinkToNeighbour, herd, neighbour)
        ClientService(endpoint, factory, retryPolicy=lambda attempts: REDIAL_SECONDS).startService()
    reactor.suggestThreadPoolSize(AT_ONCE)
    reactor.run()


if __name__ == "__main__":
    main()
