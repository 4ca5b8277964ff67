"""A unix socket before the engine's: passes everything on, and remembers what went over it so that it can be checked afterwards."""
import http.client
import io
import os
import select
import socket
import threading

from harness import openapi

LIMIT = 4 << 20  # bytes remembered of a connection, each way
CHUNK = 256 << 10


class Recorded:
    """One connection: the first LIMIT bytes each way."""

    def __init__(self):
        self.sent, self.received = bytearray(), bytearray()

    def keep(self, buffer, data):
        buffer += data[:max(0, LIMIT - len(buffer))]


class Proxy:
    def __init__(self, path, target):
        self.path, self.target = str(path), str(target)
        self.connections, self.threads = [], []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1024)
        self.wake, self.stop = os.pipe()
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def close(self):
        """Ends all connections that are still open."""
        os.close(self.stop)
        self.acceptor.join()
        self.listener.close()
        for thread in self.threads:
            thread.join()
        os.close(self.wake)
        os.unlink(self.path)

    def _accept(self):
        while True:
            ready, _, _ = select.select([self.listener, self.wake], [], [])
            if self.wake in ready:
                return
            client, _ = self.listener.accept()
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, client):
        record = Recorded()
        self.connections.append(record)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.target)
            self._pump(client, server, record)
        except OSError:
            pass  # one of them is gone, and so shall be the other
        finally:
            server.close()
            client.close()

    def _pump(self, client, server, record):
        """Both ways until both have ended; a half-closed side half-closes the other, a closed one closes it."""
        ways = [_Way(client, server, lambda data: record.keep(record.sent, data)), _Way(server, client, lambda data: record.keep(record.received, data))]
        for end in (client, server):
            end.setblocking(False)
        poll = select.poll()
        poll.register(self.wake, select.POLLIN)
        while not all(way.ended for way in ways):
            for end in (client, server):
                events = 0
                for way in ways:
                    events |= (select.POLLIN if way.source is end and way.reads() else 0) | (select.POLLOUT if way.sink is end and way.pending else 0)
                poll.register(end, events)
            for fd, event in poll.poll():
                if fd == self.wake:
                    return
                for way in ways:
                    if fd == way.source.fileno() and event & (select.POLLIN | select.POLLHUP | select.POLLERR) and way.reads():
                        way.read()
                    if fd == way.sink.fileno() and event & select.POLLOUT:
                        way.write()
                gone = event & (select.POLLHUP | select.POLLERR)
                if gone and not any(way.pending or not way.ended for way in ways if way.source.fileno() == fd):
                    return  # closed altogether, and all that it said was passed on


class _Way:
    """One direction, with one bounded buffer."""

    def __init__(self, source, sink, keep):
        self.source, self.sink, self.keep = source, sink, keep
        self.pending, self.eof, self.ended = b"", False, False

    def reads(self):
        return not self.eof and len(self.pending) < CHUNK

    def read(self):
        try:
            data = self.source.recv(CHUNK)
        except BlockingIOError:
            return
        self.keep(data)
        self.pending += data
        self.eof = not data
        self.write()

    def write(self):
        try:
            if self.pending:
                self.pending = self.pending[self.sink.send(self.pending):]
        except BlockingIOError:
            return
        if self.eof and not self.pending and not self.ended:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)


class _Bytes:
    """What http.client wants of a socket."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def makefile(self, *_args, **_kwargs):
        return self.file


class _Kept(io.BytesIO):
    def close(self):
        pass  # http.client closes its file behind each answer; the next one follows in it


def requests_of(data):
    """(method, target) of each request in a client's bytes."""
    file = io.BytesIO(data)
    while line := file.readline():
        words = line.decode("latin-1").split()
        if len(words) != 3 or not line.endswith(b"\n"):
            return
        headers = http.client.parse_headers(file)
        yield words[0], words[1]
        if headers.get("Upgrade"):
            return
        if headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int((file.readline().split(b";")[0].strip() or b"0"), 16):
                file.seek(size + 2, io.SEEK_CUR)
            while file.readline().strip():
                pass
        else:
            file.seek(int(headers.get("Content-Length", 0)), io.SEEK_CUR)


def check(record):
    """Problems of everything that one connection answered."""
    problems, file = [], _Kept(bytes(record.received))
    socket_like = _Bytes(b"")
    socket_like.file = file
    for method, target in requests_of(bytes(record.sent)):
        if file.tell() >= len(record.received):
            break
        response = http.client.HTTPResponse(socket_like, method=method)
        whole = True
        try:
            response.begin()
            if response.status == 101:
                break
            body = response.read()
        except http.client.IncompleteRead as cut:
            body, whole = cut.partial, False
        except (http.client.HTTPException, ValueError, OSError):
            break  # cut in its header: the client or the engine was ended
        problems += openapi.check_exchange(method, target, response.status, response.headers.get("Content-Type", ""), body, whole)
        if not whole:
            break
    return problems
