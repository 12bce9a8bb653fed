"""Callbacks that send an e-mail."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sailplane.authoring.notifier import BaseNotifier
from sailplane.hooks.mail_message import Addresses
from sailplane.hooks.smtp import DEFAULT_CONNECTION, SmtpHook

SUBJECT = """\
{% if deadline is defined %}{{ dag_run.dag_id }}: {{ dag_run.run_id }} is late\
{% if task_id or group_id %} with {{ task_id or group_id }}{% endif %}\
{% elif ti is defined %}{{ ti.dag_id }}.{{ ti.task_id }} is {{ ti.state }} ({{ ti.run_id }})\
{% else %}{{ dag_run.dag_id }}: {{ dag_run.run_id }} is {{ dag_run.state }}{% endif %}"""
CONTENT = """\
<table>
<tr><td>DAG</td><td>{{ dag_run.dag_id | e }}</td></tr>
<tr><td>Run</td><td>{{ dag_run.run_id | e }}</td></tr>
{% if deadline is defined %}
<tr><td>Deadline</td><td>{{ (deadline.name or "") | e }} {{ deadline.deadline_time }}</td></tr>
{% endif %}{% if ti is defined %}
<tr><td>Task</td><td>{{ ti.task_id | e }}</td></tr>
<tr><td>State</td><td>{{ ti.state }}</td></tr>
<tr><td>Try</td><td>{{ ti.try_number }} of {{ ti.max_tries + 1 }}</td></tr>
{% else %}
<tr><td>State</td><td>{{ dag_run.state }}</td></tr>
{% endif %}
{% if exception is defined and exception %}<tr><td>Error</td><td><pre>{{ exception | string | e }}</pre></td></tr>
{% elif reason is defined and reason %}<tr><td>Reason</td><td>{{ reason | e }}</td></tr>{% endif %}
</table>"""
"""What a mail says for which neither its author nor the Connection has a text."""


class SmtpNotifier(BaseNotifier):
    """Sends an e-mail by the SMTP server of a Connection; without a subject and content it says what happened.

    `template` is a file with the content. Sender, subject and content default to the Connection's, if it has them.
    """

    template_fields: Sequence[str] = (
        "from_email",
        "to",
        "subject",
        "html_content",
        "files",
        "cc",
        "bcc",
        "mime_subtype",
        "mime_charset",
        "custom_headers",
        "smtp_conn_id",
    )

    def __init__(
        self,
        to: Addresses,
        from_email: str | None = None,
        subject: str | None = None,
        html_content: str | None = None,
        files: Sequence[str] | None = None,
        cc: Addresses | None = None,
        bcc: Addresses | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        custom_headers: Mapping[str, Any] | None = None,
        smtp_conn_id: str | None = None,
        auth_type: str = "basic",
        *,
        template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to, self.cc, self.bcc, self.from_email = to, cc, bcc, from_email
        self.subject, self.files = subject, files
        self.html_content = html_content or (Path(template).read_text() if template else None)
        self.mime_subtype, self.mime_charset, self.custom_headers = mime_subtype, mime_charset, custom_headers
        self.smtp_conn_id, self.auth_type = smtp_conn_id or DEFAULT_CONNECTION, auth_type

    @property
    def hook(self) -> SmtpHook:
        return SmtpHook(self.smtp_conn_id, self.auth_type)

    def notify(self, context: Mapping[str, Any]) -> None:
        with self.hook as hook:
            hook.send_email_smtp(
                to=self.to,
                from_email=self.from_email,
                subject=self.subject or self._default(hook.subject_template, SUBJECT, context),
                html_content=self.html_content or self._default(hook.html_content_template, CONTENT, context),
                files=self.files,
                cc=self.cc,
                bcc=self.bcc,
                mime_subtype=self.mime_subtype,
                mime_charset=self.mime_charset,
                custom_headers=self.custom_headers,
            )

    def _default(self, file: str | None, text: str, context: Mapping[str, Any]) -> str:
        template = Path(file).read_text().strip() if file else text
        return str(self.render_template(template, context))


send_smtp_notification = SmtpNotifier
