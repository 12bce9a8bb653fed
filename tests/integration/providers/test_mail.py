"""E-mail hook, operator and notifier against a server that speaks SMTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mail_server import Certificate, MailServer, mail_server

from sailplane import DAG, EmailOperator, SmtpHook, SmtpNotifier, send_email
from sailplane.authoring.exceptions import AirflowException

PLAIN = {"disable_ssl": True, "disable_tls": True, "from_email": "me@example.org"}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_connection(server: MailServer, login: str | None = None, password: str | None = None, **extra: Any) -> None:
        fields = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "login": login, "password": password}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps({**fields, "extra": {**PLAIN, **extra}}))

    return set_connection


@pytest.fixture
def server(connect: Any) -> Iterator[MailServer]:
    with mail_server() as made:
        connect(made)
        yield made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("certificate")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(address, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    made.chain.write_bytes(signed.public_bytes(encoding))
    made.key.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return made


def send(**arguments: Any) -> None:
    with DAG("x"):
        task = EmailOperator(task_id="t", **{"to": "a@x.org", "subject": "s", "html_content": "<b>b</b>", **arguments})
    task.execute({"ds": "2024-05-01"})


def test_a_mail_arrives_with_all_that_it_has(server: MailServer, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_bytes(b"a,b\n")
    send(
        to="a@x.org; b@x.org",
        cc=["c@x.org"],
        bcc="d@x.org",
        subject="Flüge",
        html_content="<b>höher</b>",
        files=[str(tmp_path / "far.csv")],
        custom_headers={"Reply-To": "you@x.org"},
    )
    (mail,) = server.received
    assert (mail.sender, mail.recipients) == ("me@example.org", ["a@x.org", "b@x.org", "c@x.org", "d@x.org"])
    told = mail.message
    assert (told["Subject"], told["To"], told["CC"], told["Bcc"]) == ("Flüge", "a@x.org, b@x.org", "c@x.org", None)
    assert (told["From"], told["Reply-To"]) == ("me@example.org", "you@x.org")
    assert mail.html == "<b>höher</b>"
    (attached,) = told.iter_attachments() if told.is_multipart() else ()
    assert (attached.get_filename(), attached.get_content()) == ("far.csv", b"a,b\n")


def test_sender_subject_and_content_come_from_the_connection_where_they_are_not_given(
    connect: Any, server: MailServer, tmp_path: Path
) -> None:
    for name in ("subject", "content"):
        (tmp_path / name).write_text(f"{name} of {{{{ ds }}}}\n")
    files = {"subject_template": str(tmp_path / "subject"), "html_content_template": str(tmp_path / "content")}
    connect(server, **files)
    send(subject=None, html_content=None)
    (mail,) = server.received
    assert (mail.message["Subject"], mail.html.strip()) == ("subject of 2024-05-01", "content of 2024-05-01")


def test_a_login_is_used_in_both_ways(connect: Any, server: MailServer) -> None:
    connect(server, "ada", "word")
    send()
    connect(server, "ada", auth_type="oauth2", access_token="t0ken")
    send()
    assert [mail.login for mail in server.received] == ["PLAIN |ada|word", "XOAUTH2 user=ada|auth=Bearer t0ken||"]


def test_a_refused_login_is_not_tried_again(connect: Any, server: MailServer) -> None:
    connect(server, "ada", "wrong")
    with pytest.raises(AirflowException, match=r"127\.0\.0\.1:\d+ of 'smtp_default' did not take the e-mail: .*535"):
        send()
    assert server.connections == 1


def test_a_server_that_is_busy_or_hangs_up_is_tried_again(server: MailServer) -> None:
    server.refusals[:] = ["451 later", ""]
    send()
    assert len(server.received) == 1
    assert server.connections == 2


def test_a_server_that_stays_busy_is_named(connect: Any, server: MailServer) -> None:
    connect(server, retry_limit=1)
    server.refusals[:] = ["451 later", "451 later", "451 later"]
    with pytest.raises(AirflowException, match=r"did not take the e-mail: .*later"):
        send()
    assert len(server.refusals) == 1


def test_a_mail_that_is_refused_for_good_is_not_sent_again(server: MailServer) -> None:
    server.refusals[:] = ["550 unwanted"]
    with pytest.raises(AirflowException, match="unwanted"):
        send()
    assert server.received == []


@pytest.mark.parametrize("implicit", [True, False], ids=["from the start", "by STARTTLS"])
def test_a_connection_is_encrypted_and_the_certificate_is_checked(
    connect: Any, certificate: Certificate, implicit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server(certificate, implicit=implicit) as server:
        connect(server, "ada", "word", disable_ssl=not implicit, disable_tls=False)
        with pytest.raises(AirflowException, match="certificate"):
            send()
        connect(server, "ada", "word", disable_ssl=not implicit, disable_tls=False, ssl_context="none")
        send()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
        connect(server, "ada", "word", disable_ssl=not implicit, disable_tls=False)
        send()
    assert [(mail.is_encrypted, mail.login) for mail in server.received] == [(True, "PLAIN |ada|word")] * 2


def test_mistakes_say_what_would_be_right(connect: Any, server: MailServer) -> None:
    connect(server, from_email=None)
    with pytest.raises(
        AirflowException, match="has no from_email: give it, or set it in the Connection 'smtp_default'"
    ):
        send()
    connect(server)
    with pytest.raises(AirflowException, match="has no subject"):
        send(subject=None)
    with pytest.raises(ValueError, match="has no recipient"):
        send(to=[])
    with pytest.raises(ValueError, match="linefeed"):
        send(subject="a\r\nBcc: all@x.org")
    connect(server, auth_type="oauth2", disable_tls=True)
    with pytest.raises(AirflowException, match="has no"):
        send()
    assert server.received == []


def test_a_dry_run_sends_nothing(server: MailServer) -> None:
    send_email("a@x.org", "s", "b", dryrun=True)
    assert server.received == []
    with SmtpHook() as hook:
        hook.send_email_smtp(to="a@x.org", subject="s", html_content="b")
    assert len(server.received) == 1


def test_a_notifier_says_what_happened_unless_told_what_to_say(server: MailServer) -> None:
    context = {
        "dag": DAG("glide"),
        "dag_run": SimpleNamespace(dag_id="glide", run_id="r1", state="failed"),
        "ti": SimpleNamespace(dag_id="glide", task_id="land", run_id="r1", state="failed", try_number=2, max_tries=1),
        "exception": ValueError("too <low>"),
    }
    SmtpNotifier(to="a@x.org")(context)
    SmtpNotifier(to="{{ ti.task_id }}@x.org", subject="{{ ti.task_id }}!", html_content="{{ dag.dag_id }}")(context)
    del context["ti"]
    SmtpNotifier(to="a@x.org")(context)
    first, second, third = server.received
    assert first.message["Subject"] == "glide.land is failed (r1)"
    assert "too &lt;low&gt;" in first.html
    assert "2 of 2" in first.html
    assert (second.recipients, second.message["Subject"], second.html.strip()) == (["land@x.org"], "land!", "glide")
    assert third.message["Subject"] == "glide: r1 is failed"


def test_a_notifier_tells_of_a_missed_deadline(server: MailServer) -> None:
    run = {"dag_id": "glide", "run_id": "r1", "state": "running"}
    about = {"id": "1", "name": "noon", "deadline_time": datetime(2024, 5, 1, 12, tzinfo=UTC)}
    for task_id in ("land", None):
        SmtpNotifier(to="a@x.org")({"dag_run": run, "deadline": about, "task_id": task_id, "group_id": None})
    first, second = server.received
    assert first.message["Subject"] == "glide: r1 is late with land"
    assert second.message["Subject"] == "glide: r1 is late"
    assert "noon 2024-05-01 12:00:00+00:00" in second.html
