"""Webhooks on the wire: where they may lead, how they are signed, and what becomes of an answer."""

import hashlib
import hmac
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import anyio
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from app.errors import WebhookNotAllowed
from app.settings import Settings
from app.webhooks import sending as webhooks
from app.webhooks.deliveries import PendingDelivery, new_secret
from tests.receiver import Receiver, receiving
from tests.service import settings

SECRET = "5e" * 32


def listed(*hosts: str) -> Settings:
    return settings(Path("unused"), webhook_hosts=hosts)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://ci.example/hook?x=1", ("ci.example",)),
        ("http://CI.Example:8080/", ("ci.example",)),
        ("http://10.2.3.4/", ("10.2.0.0/16",)),
        ("http://127.0.0.1:9/", ("127.0.0.1",)),
        ("http://[::1]:9/", ("::1",)),
    ],
)
def test_listed_hosts_are_allowed(url: str, hosts: tuple[str, ...]) -> None:
    webhooks.check(url, listed(*hosts))


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://ci.example/", ()),  # off until an administrator lists some
        ("https://other.example/", ("ci.example",)),
        ("https://ci.example.evil.example/", ("ci.example",)),
        ("https://evil.example/?ci.example", ("ci.example",)),
        ("https://ci.example@evil.example/", ("ci.example",)),
        ("https://user:secret@ci.example/", ("ci.example",)),
        ("ftp://ci.example/", ("ci.example",)),
        ("file:///etc/passwd", ("ci.example",)),
        ("//ci.example/", ("ci.example",)),
        ("https:///x", ("ci.example",)),
        ("http://127.0.0.1/", ("ci.example",)),
        ("http://10.3.0.1/", ("10.2.0.0/16",)),
        ("http://169.254.169.254/latest/meta-data/", ("ci.example",)),
        ("http://2130706433/", ("ci.example",)),
        ("http://[::ffff:127.0.0.1]/", ("ci.example",)),
        ("https://ci.example/" + "x" * 3000, ("ci.example",)),
        ("http://[::1", ("ci.example",)),
        ("http://ci.example:x/", ("ci.example",)),
        ("http://127.0.0.1:99999/", ("127.0.0.1",)),
        ("http://127.0.0.1:65536/", ("127.0.0.1",)),
        ("http://127.0.0.1:0/", ("127.0.0.1",)),
        ("not a url", ("ci.example",)),
    ],
)
def test_no_other_is(url: str, hosts: tuple[str, ...]) -> None:
    with pytest.raises(WebhookNotAllowed):
        webhooks.check(url, listed(*hosts))


@pytest.mark.parametrize(
    ("found", "hosts", "chosen"),
    [
        (["93.184.215.14"], ("ci.example",), "93.184.215.14"),
        (["10.0.0.7"], ("ci.example",), None),
        (["127.0.0.1"], ("ci.example",), None),
        (["169.254.169.254"], ("ci.example",), None),
        (["::1"], ("ci.example",), None),
        (["fe80::1%eth0"], ("ci.example",), None),
        (["::ffff:10.0.0.7"], ("ci.example",), None),
        (["224.0.0.1"], ("ci.example",), None),
        (["0.0.0.0"], ("ci.example",), None),
        (["10.0.0.7"], ("ci.example", "10.0.0.0/8"), "10.0.0.7"),
        (["10.0.0.7", "93.184.215.14"], ("ci.example",), "93.184.215.14"),
    ],
)
def test_an_address_is_public_or_listed_by_itself(found: list[str], hosts: tuple[str, ...], chosen: str | None) -> None:
    allowed = webhooks.allowed_hosts(listed(*hosts))
    if chosen is None:
        with pytest.raises(WebhookNotAllowed):
            webhooks.choose_address(found, allowed)
    else:
        assert webhooks.choose_address(found, allowed) == chosen


def send(url: str, *hosts: str) -> tuple[bool, str]:
    pending = PendingDelivery(7, url, SECRET, b'{"event": "run.ended"}')
    return anyio.run(webhooks.send, pending, listed(*hosts), 1_700_000_000)


def test_a_message_arrives_signed() -> None:
    with receiving(Receiver()) as there:
        assert send(f"{there.url}/hook?x=1", "127.0.0.1") == (True, "status 204")
    (heard,) = there.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook?x=1", b'{"event": "run.ended"}')
    assert heard.headers["Host"] == f"127.0.0.1:{there.port}"
    assert heard.headers["Eigenscope-Delivery"] == "7"
    fields = dict(part.split("=") for part in heard.headers["Eigenscope-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + heard.body, hashlib.sha256).hexdigest()
    assert (fields["t"], fields["v1"]) == ("1700000000", expected)


@pytest.mark.parametrize("secret", [new_secret(), SECRET])  # SECRET: as webhooks had it before the standard's form
def test_the_standard_s_own_library_verifies_it(secret: str) -> None:
    pending = PendingDelivery(7, "", secret, b'{"event": "run.ended"}')
    with receiving(Receiver()) as there:
        sent = replace(pending, url=there.url)
        anyio.run(webhooks.send, sent, listed("127.0.0.1"), int(time.time()))
    (heard,) = there.heard
    assert Webhook(secret).verify(heard.body, heard.headers) == {"event": "run.ended"}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(heard.body + b" ", heard.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(heard.body, heard.headers)


def test_a_message_sent_again_has_the_same_id_and_an_old_one_is_refused() -> None:
    pending = PendingDelivery(7, "", SECRET, b"{}")
    now = int(time.time())
    first, second = webhooks.signature_headers(pending, now - 3600), webhooks.signature_headers(pending, now)
    assert first["webhook-id"] == second["webhook-id"] == "msg_7"
    Webhook(SECRET).verify(b"{}", second)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(b"{}", first)


def test_a_name_that_leads_inside_is_not_followed() -> None:
    with receiving(Receiver()) as there:
        good, said = send(f"http://localhost:{there.port}/", "localhost")
        assert not good
        assert "not public" in said
        assert there.heard == []
        assert send(f"http://localhost:{there.port}/", "localhost", "127.0.0.1", "::1")[0]
        assert there.heard[0].headers["Host"] == f"localhost:{there.port}"


def test_redirects_are_not_followed() -> None:
    with receiving(Receiver()) as inner, receiving(Receiver(302, {"Location": inner.url})) as there:
        assert send(there.url, "127.0.0.1") == (False, "status 302")
        assert inner.heard == []


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
def test_a_refusal_is_told(status: int) -> None:
    with receiving(Receiver(status)) as there:
        assert send(there.url, "127.0.0.1") == (False, f"status {status}")


def test_nobody_there() -> None:
    good, said = send("http://127.0.0.1:1/", "127.0.0.1")
    assert not good
    assert "ConnectError" in said


def test_a_name_that_is_none() -> None:
    assert not send("http://nobody.invalid/", "nobody.invalid")[0]


def test_a_receiver_that_drips_or_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(50):
            try:
                handler.wfile.write(b"H")
            except OSError:
                return
            time.sleep(0.05)

    with receiving(Receiver(drip)) as there:
        assert send(there.url, "127.0.0.1") == (False, "no answer within 0.3 s")


def test_an_endless_answer_is_not_read() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(10_000):
            try:
                handler.wfile.write(b"x" * 65_536)
            except OSError:
                return

    with receiving(Receiver(endless)) as there:
        assert send(there.url, "127.0.0.1") == (True, "status 200")
