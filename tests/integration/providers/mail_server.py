"""A mail server of this process that speaks SMTP: enough of RFC 5321, AUTH and STARTTLS for Python's client."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


@dataclass
class Received:
    sender: str
    recipients: list[str]
    data: bytes
    login: str | None
    is_encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)  # type: ignore[return-value]

    @property
    def html(self) -> str:
        return next(part.get_content() for part in self.message.walk() if part.get_content_type() == "text/html")


@dataclass
class MailServer:
    port: int = 0
    received: list[Received] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """What the next MAIL commands are answered with; an empty text hangs up."""
    connections: int = 0


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path


class _Session(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self.server.mail.connections += 1
        self.login: str | None = None
        self.is_encrypted = self.server.implicit
        self.recipients: list[str] = []
        self.say("220 here")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if not self.obey(verb.upper(), rest):
                return

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def obey(self, verb: str, rest: str) -> bool:
        """Answer one command; False hangs up."""
        if verb in ("EHLO", "HELO"):
            extension = ["250-STARTTLS"] if self.server.context and not self.is_encrypted else []
            self.say("250-here", *extension, "250 AUTH PLAIN XOAUTH2")
        elif verb == "STARTTLS":
            self.encrypt()
        elif verb == "AUTH":
            self.log_in(rest)
        elif verb == "MAIL":
            return self.begin(rest)
        elif verb == "RCPT":
            self.recipients.append(_address(rest))
            self.say("250 ok")
        elif verb == "DATA":
            self.take()
        else:
            self.say("250 ok")
        return verb != "QUIT"

    def encrypt(self) -> None:
        assert self.server.context is not None
        self.say("220 go")
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]
        self.is_encrypted = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_in(self, rest: str) -> None:
        kind, _, initial = rest.partition(" ")
        given = base64.b64decode(initial).decode()
        if "wrong" in given:
            self.say("535 no")
            return
        self.login = f"{kind} {given}".replace("\0", "|").replace("\1", "|")
        self.say("235 welcome")

    def begin(self, rest: str) -> bool:
        refusals = self.server.mail.refusals
        answer = refusals.pop(0) if refusals else "250 ok"
        self.sender, self.recipients = _address(rest), []
        if answer:
            self.say(answer)
        return bool(answer)

    def take(self) -> None:
        self.say("354 go")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.mail.received.append(
            Received(self.sender, self.recipients, b"".join(lines), self.login, self.is_encrypted)
        )
        self.say("250 taken")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    mail: MailServer
    context: ssl.SSLContext | None = None
    implicit = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that refuses the certificate hangs up."""


@contextmanager
def mail_server(certificate: Certificate | None = None, *, implicit: bool = False) -> Iterator[MailServer]:
    """A server on a port of its own; with a certificate it offers STARTTLS, or is encrypted from the start."""
    server = _Server(("127.0.0.1", 0), _Session)
    server.mail = MailServer(port=server.server_address[1])
    if certificate is not None:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate.chain, certificate.key)
    if implicit:
        assert server.context is not None
        server.implicit = True
        server.socket = server.context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.mail
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _address(rest: str) -> str:
    return rest[rest.index("<") + 1 : rest.index(">")]
