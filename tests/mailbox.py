"""A mail server of a test's own, on loopback: it takes mails, and does what the test wants of it.

mailbox.does("cut after")      what becomes of the next mails, in order; see `FAULTS`
mailbox.mails                  all that it took, as their readers would see them
"""

from __future__ import annotations

import base64
import socketserver
import threading
from collections import deque
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

#: Where a mail can go wrong. cut: the line breaks, before or after the server took the mail. slow: no answer comes.
FAULTS = (
    "busy", "sender refused", "put off", "no such box", "data refused", "cut at data", "cut before", "cut after", "full",
    "too large",
)  # fmt: skip


class Mailbox(socketserver.ThreadingTCPServer):
    """Takes mails by SMTP. password: what it asks for; "" for nothing."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.mails: list[EmailMessage] = []
        self.faults: deque[str] = deque()
        self.sessions = 0
        super().__init__(("127.0.0.1", 0), _Session)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        user = f"anna:{self.password}@" if self.password else ""
        return f"smtp://{user}127.0.0.1:{self.server_address[1]}"

    def does(self, *faults: str) -> None:
        assert set(faults) <= {"", *FAULTS}
        self.faults += faults

    def subjects(self, to: str | None = None) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails if to in (None, str(mail["To"]))]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    """One session, as RFC 5321 has it."""

    server: Mailbox

    def handle(self) -> None:
        self.server.sessions += 1
        faults = self.server.faults
        if faults and faults[0] == "busy":
            faults.popleft()
            self._say("421 too many of you")
            return
        self._say("220 mailbox")
        self._fault = ""
        while line := self.rfile.readline():
            word = line.decode().strip()
            if word.upper() == "QUIT" or not self._answer(word):
                return

    def _answer(self, line: str) -> bool:
        """Answer one line; False where the line is cut."""
        verb = line.upper().split(" ")[0].split(":")[0]
        if verb in ("EHLO", "HELO"):
            self._say("250-mailbox\r\n250 AUTH PLAIN" if self.server.password else "250 mailbox")
        elif verb == "AUTH":
            right = base64.b64encode(b"\0anna\0" + self.server.password.encode()).decode()
            self._say("235 welcome" if line.split(" ")[2:] == [right] else "535 wrong password")
        elif verb == "MAIL":
            self._fault = self.server.faults.popleft() if self.server.faults else ""
            self._say("550 you may not send" if self._fault == "sender refused" else "250 go on")
        elif verb == "RCPT":
            wrong = {"put off": "450 come again, friend@example.org", "no such box": "550 there is no such box"}
            self._say(wrong.get(self._fault, "250 known"))
        elif verb == "DATA":
            return self._data()
        else:
            self._say("250 fine")
        return True

    def _data(self) -> bool:
        if self._fault == "cut at data":
            return False
        if self._fault == "data refused":
            self._say("554 not this way")
            return True
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line.removeprefix(b"."))
        if self._fault == "cut before":
            return False
        answer = {"full": "452 the box is full", "too large": "552 too large"}.get(self._fault)
        if answer is None:
            self.server.mails.append(cast("EmailMessage", message_from_bytes(b"".join(lines), policy=default)))
        if self._fault == "cut after":
            return False
        self._say(answer or "250 taken")
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
