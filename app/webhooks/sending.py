"""Webhooks on the wire: which addresses may be asked, how a message is signed, and how it is sent.

Any client may name the address, so it must not lead into our own network: only hosts that the administrator lists, no
redirects, and an address that is not public only where it is listed by itself. It is looked up once, and that address
is the one that is connected to, so that a name cannot change its meaning in between.
"""

import hashlib
import hmac
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import anyio
import httpx
from standardwebhooks import Webhook

from app.errors import WebhookNotAllowed
from app.settings import Settings
from app.webhooks.deliveries import PendingDelivery

SECONDS = 15.0  # for everything: name, connection, answer
LONGEST_URL = 2000
LARGEST_PORT = 65_535
AGENT = "eigenscope-webhook"
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Allowed:
    """The administrator's list: names, and networks (a single address is a network of one)."""

    names: tuple[str, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def has_address(self, address: Address) -> bool:
        return any(address in network for network in self.networks if network.version == address.version)


def allowed_hosts(settings: Settings) -> Allowed:
    names, networks = [], []
    for host in settings.webhook_hosts:
        try:
            networks.append(ip_network(host, strict=False))
        except ValueError:
            names.append(host)
    return Allowed(tuple(names), tuple(networks))


def check(url: str, settings: Settings) -> None:
    """Refuses what could never be sent. Raises WebhookNotAllowed."""
    _host(url, allowed_hosts(settings))


def _host(url: str, listed: Allowed) -> httpx.URL:
    if not listed.names and not listed.networks:
        raise WebhookNotAllowed("Webhooks are disabled. An administrator enables them with EIGENSCOPE_WEBHOOK_HOSTS.")
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise WebhookNotAllowed("The webhook's address is not a valid URL.") from error
    if len(url) > LONGEST_URL or parts.scheme not in ("http", "https") or not parts.host or parts.userinfo:
        raise WebhookNotAllowed("A webhook's address must be http:// or https:// with a host and without a password.")
    if parts.port is not None and not 1 <= parts.port <= LARGEST_PORT:
        raise WebhookNotAllowed(f"A webhook's port must be a number from 1 to {LARGEST_PORT}, not {parts.port}.")
    literal = _literal(parts.host)
    if not (listed.has_address(literal) if literal is not None else _is_named(parts.host, listed)):
        raise WebhookNotAllowed("EIGENSCOPE_WEBHOOK_HOSTS does not list that host.")
    return parts


def _is_named(host: str, listed: Allowed) -> bool:
    return host.lower().rstrip(".") in listed.names


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def choose_address(found: Sequence[str], listed: Allowed) -> str:
    """The first address that may be connected to. Raises WebhookNotAllowed."""
    for text in found:
        address = ip_address(text.partition("%")[0])
        inner = getattr(address, "ipv4_mapped", None) or address
        if listed.has_address(inner) or (inner.is_global and not inner.is_multicast):
            return text
    raise WebhookNotAllowed("The host's address is not public, and EIGENSCOPE_WEBHOOK_HOSTS does not list it.")


def signature_headers(pending: PendingDelivery, moment: int) -> dict[str, str]:
    """The headers of https://www.standardwebhooks.com/: an id that repeats with the message, the time, a signature."""
    name = f"msg_{pending.delivery}"
    return {
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": Webhook(pending.secret).sign(
            name, datetime.fromtimestamp(moment, UTC), pending.body.decode()
        ),
    }


def deprecated_headers(pending: PendingDelivery, moment: int) -> dict[str, str]:
    """The headers that receivers written before the standard ones check."""
    payload = b"%d." % moment + pending.body
    digest = hmac.new(pending.secret.encode(), payload, hashlib.sha256).hexdigest()
    return {"Eigenscope-Delivery": str(pending.delivery), "Eigenscope-Signature": f"t={moment},v1={digest}"}


async def send(pending: PendingDelivery, settings: Settings, moment: int) -> tuple[bool, str]:
    """Posts the message once: whether the receiver took it, and what it answered, or why it did not."""
    try:
        with anyio.fail_after(SECONDS):
            status = await _post(pending, settings, moment)
    except WebhookNotAllowed as error:
        return False, str(error)
    except TimeoutError:
        return False, f"no answer within {SECONDS:g} s"
    except (OSError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return False, f"{type(error).__name__}: {error}"
    return 200 <= status < 300, f"status {status}"


async def _post(pending: PendingDelivery, settings: Settings, moment: int) -> int:
    hosts = allowed_hosts(settings)
    url = _host(pending.url, hosts)
    port = url.port or (443 if url.scheme == "https" else 80)
    entries = await anyio.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    address = choose_address([str(entry[4][0]) for entry in entries], hosts)
    headers = {
        "Host": url.netloc.decode("ascii"), "User-Agent": AGENT, "Content-Type": "application/json",
        **signature_headers(pending, moment),
        **deprecated_headers(pending, moment),
    }  # fmt: skip
    async with (
        httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "POST", url.copy_with(host=address), content=pending.body, headers=headers,
            extensions={"sni_hostname": url.host},
        ) as answer,
    ):  # fmt: skip
        return answer.status_code  # of the body nothing is read
