"""E-mail over SMTP for tasks."""

import smtplib
import ssl
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.base import BaseHook
from sailplane.hooks.mail_message import Addresses, Mail, compose

DEFAULT_CONNECTION = "smtp_default"
_BUSY = range(400, 500)
"""What a server says that may take the same message later."""


class SmtpHook(BaseHook):
    """Sends e-mail by the server of a Connection: `with SmtpHook() as hook: hook.send_email_smtp(...)`.

    Of its extra: `from_email`, `disable_ssl` (then the connection is raised to TLS), `disable_tls`, `ssl_context`
    ("none": the certificate is not checked), `timeout` in seconds, `retry_limit`, `subject_template` and
    `html_content_template` (files), `auth_type` ("oauth2") and `access_token`.
    """

    conn_type = "smtp"
    conn_name_attr = "smtp_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    hook_name = "SMTP"

    def __init__(self, smtp_conn_id: str = DEFAULT_CONNECTION, auth_type: str = "basic") -> None:
        super().__init__()
        self.smtp_conn_id = smtp_conn_id
        self._auth_type = auth_type
        self._client: smtplib.SMTP | None = None

    def __enter__(self) -> "SmtpHook":
        return self.get_conn()

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def conn(self) -> Connection:
        return self.get_connection(self.smtp_conn_id)

    @property
    def extra(self) -> Mapping[str, Any]:
        return self.conn.extra_dejson

    @property
    def from_email(self) -> str | None:
        return self.extra.get("from_email")

    @property
    def subject_template(self) -> str | None:
        """A file with a template."""
        return self.extra.get("subject_template")

    @property
    def html_content_template(self) -> str | None:
        """A file with a template."""
        return self.extra.get("html_content_template")

    @property
    def smtp_retry_limit(self) -> int:
        return int(self.extra.get("retry_limit", 5))

    @property
    def auth_type(self) -> str:
        return str(self.extra.get("auth_type", self._auth_type))

    @property
    def use_ssl(self) -> bool:
        return not self.extra.get("disable_ssl", False)

    @property
    def smtp_starttls(self) -> bool:
        """Whether a connection that is not encrypted from the start is made so."""
        return not self.use_ssl and not self.extra.get("disable_tls", False)

    def get_conn(self) -> "SmtpHook":
        """This hook, connected and logged in. Raises `AirflowException` that names the server."""
        if self._client is None:
            self._client = self._repeating(self._open)
        return self

    def close(self) -> None:
        """End the connection; nothing happens without one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def send_email_smtp(
        self,
        *,
        to: Addresses,
        subject: str | None = None,
        html_content: str | None = None,
        from_email: str | None = None,
        files: Iterable[str | Path] | None = None,
        dryrun: bool = False,
        cc: Addresses | None = None,
        bcc: Addresses | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        custom_headers: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Send HTML with files attached. Sender, subject and content default to what the Connection says.

        Raises `AirflowException` when the server takes it from nobody or for nobody.
        """
        mail = compose(
            sender=self._wanted("from_email", from_email or self.from_email),
            to=to,
            subject=self._text("subject", subject, self.subject_template),
            html_content=self._text("html_content", html_content, self.html_content_template),
            files=files,
            cc=cc,
            bcc=bcc,
            mime_subtype=mime_subtype,
            mime_charset=mime_charset,
            custom_headers=custom_headers,
        )
        if not dryrun:
            self._repeating(lambda: self._send(mail))

    def _send(self, mail: Mail) -> None:
        self.get_conn()
        assert self._client is not None
        try:
            self._client.send_message(mail.message, mail.sender, mail.recipients)
        except smtplib.SMTPServerDisconnected:
            self.close()
            raise

    def _repeating(self, act: Any) -> Any:
        """What `act` returns; it is called again while the server hangs up or is busy, `retry_limit` times."""
        for attempt in range(self.smtp_retry_limit + 1):
            try:
                return act()
            except (smtplib.SMTPException, OSError) as error:
                if attempt == self.smtp_retry_limit or not _is_passing(error):
                    raise AirflowException(f"{self._server} did not take the e-mail: {error}") from error
        raise AssertionError("the last attempt returns or raises")

    def _open(self) -> smtplib.SMTP:
        timeout = float(self.extra.get("timeout", 30))
        host, port = self.conn.host or "localhost", self.conn.port or 0
        client: smtplib.SMTP
        if self.use_ssl:
            client = smtplib.SMTP_SSL(host, port, timeout=timeout, context=self._ssl_context())
        else:
            client = smtplib.SMTP(host, port, timeout=timeout)
        try:
            if self.smtp_starttls:
                client.starttls(context=self._ssl_context())
            self._log_in(client)
        except BaseException:
            client.close()
            raise
        return client

    def _log_in(self, client: smtplib.SMTP) -> None:
        login, password = self.conn.login, self.conn.password
        if self.auth_type == "oauth2":
            user, token = self._wanted("login", login or self.from_email), self._token()
            client.ehlo_or_helo_if_needed()
            client.auth("XOAUTH2", lambda _=None: f"user={user}\x01auth=Bearer {token}\x01\x01")
        elif login and password:
            client.login(login, password)

    def _token(self) -> str:
        token = self.extra.get("access_token")
        if not token:
            raise AirflowException(
                f"the Connection {self.smtp_conn_id!r} logs in by oauth2, and has no access_token in its extra"
            )
        return str(token)

    def _ssl_context(self) -> ssl.SSLContext:
        wanted = self.extra.get("ssl_context", "default")
        if wanted not in ("default", "none"):
            raise AirflowException(
                f"ssl_context in the extra of the Connection {self.smtp_conn_id!r} is {wanted!r}; it may be 'default' "
                "or 'none'"
            )
        return ssl.create_default_context() if wanted == "default" else ssl._create_unverified_context()

    def _text(self, name: str, given: str | None, template: str | None) -> str:
        return given or (Path(template).read_text() if template else self._wanted(name, None))

    def _wanted(self, name: str, value: str | None) -> str:
        if not value:
            raise AirflowException(
                f"the e-mail has no {name}: give it, or set it in the Connection {self.smtp_conn_id!r}"
            )
        return value

    @property
    def _server(self) -> str:
        return f"the SMTP server {self.conn.host}:{self.conn.port or 'default port'} of {self.smtp_conn_id!r}"


def send_email(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Iterable[str | Path] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Send an e-mail by the Connection `conn_id`, `smtp_default` unless given."""
    with SmtpHook(conn_id or DEFAULT_CONNECTION) as hook:
        hook.send_email_smtp(
            to=to,
            subject=subject,
            html_content=html_content,
            files=files,
            dryrun=dryrun,
            cc=cc,
            bcc=bcc,
            mime_subtype=mime_subtype,
            mime_charset=mime_charset,
            custom_headers=custom_headers,
            **options,
        )


def _is_passing(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code in _BUSY
    return isinstance(error, smtplib.SMTPServerDisconnected)
