"""The one way out: every HTTP call of every platform goes through here.

Timeouts always, a total deadline always, redirects never, repeats never, and only to hosts on the allow-list.
What cannot have had an effect is told apart from what may have had one:

- refused before the first byte (allow-list, connect error, our own deadline): NotDone
- anything after the first byte left (timeout, reset, half an answer): Unknown
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial, wraps
from http.client import HTTPException
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from connector.errors import NotDone, Refused, Unavailable, Unknown
from connector.failpoints import reach
from connector.ports.platform import Guard

#: More than any documented answer; a larger body is hostile or broken.
MAX_BODY = 32 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
_OK, _PARTIAL, _BEYOND, _SERVER_ERROR = 200, 206, 416, 500
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")


P = ParamSpec("P")
R = TypeVar("R")


def shaped_by(platform: str, label: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For reads: an answer of a shape that the platform does not document is no success, and may be asked for again."""

    def shaped(read: Callable[P, R]) -> Callable[P, R]:
        @wraps(read)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return read(*args, **kwargs)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                words = f"an answer of a shape that {label} does not document: {error!r}"
                raise Unavailable(words[:200], platform=platform, operation=read.__name__) from error

        return call

    return shaped


@dataclass(frozen=True)
class Part:
    """A part of a file, and whether the file ends with it."""

    data: bytes = field(repr=False)
    last: bool


class _Watch:
    """What happens around one call: the guard right before the first byte, and the total deadline."""

    def __init__(self, guard: Guard | None) -> None:
        self.guard = guard
        #: Where a name was found to lead, if it must lead there and nowhere else.
        self.addresses: Sequence[str] = ()
        self.sent = False
        self.socket: socket.socket | None = None

    def connected(self, sock: socket.socket) -> None:
        """Called on a fresh connection, after it stands and before anything is written."""
        self.socket = sock
        if self.guard is not None:
            reach("http.before_deadline")
            self.guard.check()
        self.sent = True

    def cut(self) -> None:
        """End the call from outside: whoever reads from the socket sees it closed."""
        if self.socket is not None:
            with suppress(OSError):  # it is closed already, which is what we wanted
                self.socket.shutdown(socket.SHUT_RDWR)


_local = threading.local()


class _Watched:
    """Mixed into urllib3's connections: tells the call under way that its socket stands."""

    _dns_host: str

    def _new_conn(self) -> socket.socket:
        """A connection to an address that was looked at: a name that is looked up twice may lead elsewhere then."""
        watch: _Watch | None = getattr(_local, "watch", None)
        name, addresses = self._dns_host, watch.addresses if watch is not None else ()
        for place, address in enumerate(addresses, 1):
            self._dns_host = address
            try:
                return super()._new_conn()  # type: ignore[misc,no-any-return]
            except HTTPError:
                if place == len(addresses):
                    raise
            finally:
                self._dns_host = name
        return super()._new_conn()  # type: ignore[misc,no-any-return]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        watch: _Watch | None = getattr(_local, "watch", None)
        if watch is not None:
            watch.connected(self.sock)  # type: ignore[attr-defined]


class _WatchedHTTP(_Watched, HTTPConnection):
    pass


class _WatchedHTTPS(_Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


class _FreshConnections(HTTPAdapter):
    """One connection per call, so that the guard stands between a fresh socket and its first byte."""

    def __init__(self) -> None:
        super().__init__(max_retries=Retry(0, read=False), pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


@dataclass(frozen=True)
class Gate:
    """The way to one platform.

    hosts: pattern of host names that may be called over https. base_url: replaces them where an operator set it;
    only then may it be plain http, and only on loopback. public: hosts are anybody's word, so that nothing is called that
    has an address of a private network.
    """

    platform: str
    hosts: str
    base_url: str = ""
    proxy: str = ""
    timeout_s: float = 10.0
    public: bool = False

    def check(self, url: str) -> None:
        """Raises Refused for a URL that is not on the allow-list."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self.base_url:
            base = urlsplit(self.base_url.replace("{shop}", "x"))
            same = (parts.scheme, host, parts.port) == (base.scheme, base.hostname, base.port)
            same = same or (parts.scheme == base.scheme and "{shop}" in (urlsplit(self.base_url).netloc))
            if same and (parts.scheme == "https" or _is_loopback(host)):
                return
        elif parts.scheme == "https" and parts.port in (None, 443) and re.fullmatch(self.hosts, host):
            return
        raise Refused(f"{parts.scheme}://{parts.netloc} is not a host of {self.platform}", platform=self.platform)

    def send(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        guard: Guard | None = None,
    ) -> Reply:
        """One call, once. Raises Unavailable or Late (certainly nothing sent), Unknown (it may have arrived)."""
        request = requests.Request(method, url, headers={**headers, "Connection": "close"}, data=body)
        return self._exchange(request, operation, _Watch(guard), _whole)

    def part(self, url: str, *, operation: str, start: int, size: int) -> Part:
        """Up to `size` bytes of a file from `start` on. A server that knows no ranges sends all, and we skip to there.

        Raises Unavailable; Refused where there is no such file.
        """
        headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity", "Connection": "close"}
        request = requests.Request("GET", url, headers=headers)
        try:
            reply = self._exchange(request, operation, _Watch(None), partial(_slice, start=start, size=size))
        except Unknown as error:
            raise Unavailable(error.reason, platform=self.platform, operation=operation) from error
        return _part(reply, start, size, self.platform)

    def _exchange(
        self, request: requests.Request, operation: str, watch: _Watch, take: Callable[[BaseHTTPResponse], bytes]
    ) -> Reply:
        self.check(request.url)
        try:
            with _total_deadline(watch, self.timeout_s), self._session() as session:
                if self.public and not self.base_url:
                    addresses = _public(urlsplit(request.url).hostname or "", self.platform)
                    watch.addresses = () if session.proxies else addresses  # a proxy looks the name up by itself
                reply = self._call(session, request, take)
            if watch.guard is not None:
                reach("http.answered")
            return reply
        except NotDone:
            raise
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            reason = f"{type(error).__name__} while calling {self.platform} ({operation})"
            kind = Unknown if watch.sent else Unavailable
            raise kind(reason, platform=self.platform, operation=operation) from error

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _FreshConnections())
            session.mount("http://", _FreshConnections())
            if self.proxy and not self.base_url:
                session.proxies = {"https": self.proxy, "http": self.proxy}
            yield session

    def _call(
        self, session: requests.Session, request: requests.Request, take: Callable[[BaseHTTPResponse], bytes]
    ) -> Reply:
        with session.request(
            request.method,
            request.url,
            data=request.data,
            headers=request.headers,
            timeout=(min(CONNECT_TIMEOUT_S, self.timeout_s), self.timeout_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            lower = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, lower, take(response.raw))


def _whole(response: BaseHTTPResponse) -> bytes:
    content = response.read(MAX_BODY + 1, decode_content=True)
    if len(content) > MAX_BODY:
        raise HTTPError("the answer is larger than any documented one")
    return content


def _slice(response: BaseHTTPResponse, start: int, size: int) -> bytes:
    """The wanted bytes of an answer that holds them alone (206), or of a whole file."""
    skip = 0 if response.status == _PARTIAL else start
    while skip > 0 and (passed := response.read(min(skip, _CHUNK))):
        skip -= len(passed)
    return response.read(size)


def _part(reply: Reply, start: int, size: int, platform: str) -> Part:
    if reply.status == _BEYOND:  # the file ended right where the last part did
        return Part(b"", last=True)
    if reply.status not in (_OK, _PARTIAL):
        kind = Unavailable if reply.status >= _SERVER_ERROR or reply.status in (408, 429) else Refused
        raise kind(f"the file was answered with {reply.status}", platform=platform, status=reply.status)
    total = reply.headers.get("content-length", "")
    if reply.status == _PARTIAL:
        total = reply.headers.get("content-range", "").rpartition("/")[2]
    known = int(total) if total.isdigit() else None
    last = start + len(reply.body) >= known if known is not None else len(reply.body) < size
    if not last and len(reply.body) < size:
        raise Unavailable("the file broke off", platform=platform, status=reply.status)
    return Part(reply.body, last)


@contextmanager
def _total_deadline(watch: _Watch, seconds: float) -> Iterator[None]:
    """Cut the connection when the whole call takes longer: a slow trickle never hits a read timeout."""
    timer = threading.Timer(seconds, watch.cut)
    timer.daemon = True
    timer.start()
    _local.watch = watch
    try:
        yield
    finally:
        _local.watch = None
        timer.cancel()


def _public(host: str, platform: str) -> Sequence[str]:
    """Where a host is. Raises Refused if any of it is in a private network, OSError where nobody knows the name."""
    found = dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM))
    if inside := [each for each in found if not _is_public(each)]:
        raise Refused(f"{host} is at {inside[0]}, which is no address of the public internet", platform=platform)
    return tuple(found)


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(str(address.ipv4_mapped))
        if address.sixtofour is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
