"""Messages of e-mail: from what a DAG's author says to what a server is given."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate
from pathlib import Path
from typing import Any

Addresses = str | Iterable[str]
"""A list, or a text in which commas or semicolons part them."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A message, and everyone who gets it: those of `bcc` are in no header."""

    message: Message
    sender: str
    recipients: tuple[str, ...]


def addresses(given: Addresses | None) -> tuple[str, ...]:
    """The addresses one by one. Raises `TypeError` for what holds something other than texts."""
    if given is None:
        return ()
    listed = re.split(r"\s*[,;]\s*", given.strip()) if isinstance(given, str) else list(given)
    wrong = next((each for each in listed if not isinstance(each, str)), None)
    if wrong is not None:
        raise TypeError(f"{wrong!r} is no e-mail address: it must be a text")
    return tuple(each for each in listed if each)


def compose(
    *,
    sender: str,
    to: Addresses,
    subject: str,
    html_content: str,
    files: Iterable[str | Path] | None = None,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: Mapping[str, Any] | None = None,
) -> Mail:
    """The message with its attachments. Raises `ValueError` for a header with a line break, or without recipients."""
    message = MIMEMultipart(mime_subtype, policy=policy.SMTP)
    recipients = (*addresses(to), *addresses(cc), *addresses(bcc))
    if not recipients:
        raise ValueError(f"the e-mail {subject!r} has no recipient: give it in `to`")
    headers = {"Subject": subject, "From": sender, "To": ", ".join(addresses(to)), "CC": ", ".join(addresses(cc))}
    for name, value in {**headers, "Date": formatdate(), **(custom_headers or {})}.items():
        if value:
            message[name] = str(value)
    message.attach(MIMEText(html_content, "html", mime_charset))
    for file in files or ():
        message.attach(_attachment(Path(file)))
    return Mail(message=message, sender=sender, recipients=recipients)


def _attachment(file: Path) -> MIMEApplication:
    part = MIMEApplication(file.read_bytes(), Name=file.name)
    part.add_header("Content-Disposition", "attachment", filename=file.name)
    part["Content-ID"] = f"<{file.name}>"
    return part
