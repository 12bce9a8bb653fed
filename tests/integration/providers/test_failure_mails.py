"""`email=`, `email_on_failure=` and `email_on_retry=` of a task, against a server that speaks SMTP."""

import json
from typing import Any

import pytest
from mail_server import MailServer, mail_server

from sailplane import DAG, task

EXTRA = {"disable_ssl": True, "disable_tls": True, "from_email": "me@example.org"}


def fly(server: MailServer, **arguments: Any) -> list[str]:
    """Run a task that fails once and again; returns the subjects of the mails that came."""
    with DAG("flow", schedule=None) as dag:

        @task(task_id="land", **arguments)
        def land() -> None:
            raise ValueError("the field is wet")

        land()
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": EXTRA}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        assert str(dag.test().state) == "failed"
    return [str(mail.message["Subject"]) for mail in server.received]


def test_a_failure_and_a_retry_are_told() -> None:
    with mail_server() as server:
        assert len(fly(server, email="a@x.org, b@x.org", retries=1)) == 2
        assert server.received[0].recipients == ["a@x.org", "b@x.org"]
        (text,) = [part for part in server.received[1].message.walk() if part.get_content_type() == "text/html"]
        assert "the field is wet" in text.get_content()


@pytest.mark.parametrize(("switch", "mails"), [("email_on_retry", 1), ("email_on_failure", 1)])
def test_either_can_be_switched_off(switch: str, mails: int) -> None:
    with mail_server() as server:
        assert len(fly(server, email=["a@x.org"], retries=1, **{switch: False})) == mails


def test_without_an_address_nothing_is_sent() -> None:
    with mail_server() as server:
        assert fly(server) == []


def test_a_server_that_is_away_changes_nothing() -> None:
    with mail_server() as server:
        pass
    assert fly(server, email="a@x.org") == []
