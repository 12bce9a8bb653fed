"""Tasks that send e-mail."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.mail_message import Addresses
from sailplane.hooks.smtp import DEFAULT_CONNECTION, SmtpHook


class EmailOperator(BaseOperator):
    """Sends HTML to one or more addresses, with files attached, by the SMTP server of `conn_id`.

    `from_email`, `subject` and `html_content` default to what the Connection's extra says, the latter two to files of
    templates.
    """

    template_fields: Sequence[str] = (
        "to",
        "subject",
        "html_content",
        "from_email",
        "files",
        "cc",
        "bcc",
        "mime_subtype",
        "mime_charset",
        "conn_id",
        "custom_headers",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"html_content": "html"}
    template_ext: Sequence[str] = (".html",)
    ui_color = "#e6faf9"

    def __init__(
        self,
        *,
        to: Addresses,
        subject: str | None = None,
        html_content: str | None = None,
        from_email: str | None = None,
        files: Sequence[str] | None = None,
        cc: Addresses | None = None,
        bcc: Addresses | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        conn_id: str = DEFAULT_CONNECTION,
        custom_headers: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to, self.cc, self.bcc, self.from_email = to, cc, bcc, from_email
        self.subject, self.html_content, self.files = subject, html_content, list(files or ())
        self.mime_subtype, self.mime_charset = mime_subtype, mime_charset
        self.conn_id, self.custom_headers = conn_id, custom_headers

    def execute(self, context: Mapping[str, Any]) -> None:
        with SmtpHook(self.conn_id) as hook:
            hook.send_email_smtp(
                to=self.to,
                subject=self.subject or self._from_file(hook.subject_template, context),
                html_content=self.html_content or self._from_file(hook.html_content_template, context),
                from_email=self.from_email,
                files=self.files,
                cc=self.cc,
                bcc=self.bcc,
                mime_subtype=self.mime_subtype,
                mime_charset=self.mime_charset,
                custom_headers=self.custom_headers,
            )

    def _from_file(self, file: str | None, context: Mapping[str, Any]) -> str | None:
        return self.render_template(Path(file).read_text().strip(), context) if file else None
