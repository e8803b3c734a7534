"""A herd node on asyncio's streams: a coroutine for each connection, and a read and a write for each
line.

Usage: asyncio_streams.py [--uvloop] NAME HERD_FILE
Places need GOOGLE_API_KEY in the environment. asyncio and uvloop set TCP_NODELAY by themselves.
"""

import asyncio
import sys

from herd import BACKLOG, REDIAL_SECONDS, Node, chomp, members
from places import ask


class Server:
    def __init__(self, name, file):
        herd = members(file)
        self._me = herd[name]
        self._neighbours = [herd[neighbour] for neighbour in self._me.neighbours]
        self._node = Node(name)
        self._links = {}  # the writers to neighbours that can be reached

    async def run(self):
        links = await asyncio.start_server(self._serve_neighbour, *self._me.link, backlog=BACKLOG)
        clients = await asyncio.start_server(self._serve_client, *self._me.client, backlog=BACKLOG)
        async with links, clients:
            await asyncio.gather(*map(self._keep_link, self._neighbours), clients.serve_forever())

    async def _serve_client(self, reader, writer):
        try:
            async for line in reader:
                answer, news = self._node.answer(chomp(line))
                if answer is None:
                    answer, news = await ask(question=news), None
                writer.write(answer)
                if news:
                    self._flood(news)
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the client is gone, or its line exceeds the stream's limit
        finally:
            writer.close()

    async def _serve_neighbour(self, reader, writer):
        try:
            neighbour = chomp(await reader.readline()).decode()
            async for line in reader:
                if self._node.hear(chomp(line)):
                    self._flood(line, neighbour)
        except (ConnectionError, ValueError):
            pass  # the neighbour dials again
        finally:
            writer.close()

    def _flood(self, line, origin=None):
        # Nothing waits for a slow neighbour: its lines queue in its writer's buffer.
        for neighbour, writer in self._links.items():
            if neighbour != origin:
                writer.write(line)

    async def _keep_link(self, neighbour):
        """Dials a neighbour until this node stops; sends the name, all that is known, and then news."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(*neighbour.link)
                writer.write(b"%s\n%s" % (self._me.name.encode(), self._node.known()))
                self._links[neighbour.name] = writer
                await reader.read()  # the neighbour sends nothing: this returns when the link ends
                writer.close()
            except OSError:
                pass
            self._links.pop(neighbour.name, None)
            await asyncio.sleep(REDIAL_SECONDS)


def main():
    *flags, name, file = sys.argv[1:]
    server = Server(name, file)
    if flags == ["--uvloop"]:
        import uvloop

        uvloop.run(server.run())
    else:
        asyncio.run(server.run())


if __name__ == "__main__":
    main()
