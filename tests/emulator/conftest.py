"""A running emulator, the official SDK as its client, and a client of our own that signs by the documents."""

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_hbr20170908.client import Client
from alibabacloud_tea_openapi.models import Config, GlobalParameters

from pulumi_cloudbackup.emulator import Emulator, Settings

INITIALIZING_SECONDS = 3.0
# Making a client costs more than a call.
HTTP = httpx.Client()
SECRETS = {"test": "test", "other": "another-secret"}


def stamp(offset: float = 0.0) -> str:
    """The date of a signature, `offset` seconds from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


def percent(text: str) -> str:
    """RFC 3986."""
    return quote(text, safe="-_.~")


@dataclass
class SignedRequest:
    """A request that is signed when it is sent, unless a test spoils it in between."""

    url: str
    action: str
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    key: str = "test"
    secret: str = "test"
    host: str | None = None
    date: str = ""
    date_offset: float = 0.0
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    version: str = "2017-09-08"
    extra_headers: dict[str, str] = field(default_factory=dict)
    unsigned: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    query_string: str = ""

    def __post_init__(self) -> None:
        """Date the request."""
        self.date = self.date or stamp(self.date_offset)

    def sign_v3(self) -> "SignedRequest":
        """Sign by https://www.alibabacloud.com/help/en/resource-management/common-parameters."""
        self.body = urlencode(self.form)
        digest = hashlib.sha256(self.body.encode()).hexdigest()
        self.headers = {
            "host": self.host or self.url.removeprefix("http://"),
            "x-acs-action": self.action,
            "x-acs-content-sha256": digest,
            "x-acs-date": self.date,
            "x-acs-signature-nonce": self.nonce,
            "x-acs-version": self.version,
            **self.extra_headers,
        }
        if self.form:
            self.headers["content-type"] = "application/x-www-form-urlencoded"
        names = sorted(name for name in self.headers if name not in self.unsigned)
        self.query_string = "&".join(f"{percent(k)}={percent(v)}" for k, v in sorted(self.query.items()))
        canonical = "\n".join(
            [
                self.method,
                "/",
                self.query_string,
                *[f"{name}:{self.headers[name].strip()}" for name in names],
                "",
                ";".join(names),
                digest,
            ]
        )
        to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(self.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        self.headers["Authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key},SignedHeaders={';'.join(names)},Signature={signature}"
        )
        return self

    def sign_v2(self) -> "SignedRequest":
        """Sign by https://help.aliyun.com/en/sdk/product-overview/rpc-mechanism."""
        query = {
            "Action": self.action,
            "Version": self.version,
            "Format": "JSON",
            "AccessKeyId": self.key,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": self.nonce,
            "Timestamp": self.date,
            **self.query,
        }
        canonical = "&".join(f"{percent(k)}={percent(v)}" for k, v in sorted({**query, **self.form}.items()))
        to_sign = f"{self.method}&{percent('/')}&{percent(canonical)}"
        digest = hmac.new(f"{self.secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
        query["Signature"] = base64.b64encode(digest).decode()
        self.query_string = urlencode(query)
        self.body = urlencode(self.form)
        self.headers = {"content-type": "application/x-www-form-urlencoded"} if self.form else {}
        if self.host:
            self.headers["host"] = self.host
        return self

    def send(self) -> httpx.Response:
        """Send it as it is now."""
        return HTTP.request(
            self.method, f"{self.url}/?{self.query_string}", headers=self.headers, content=self.body.encode()
        )


class Control:
    """The control surface."""

    def __init__(self, url: str) -> None:
        """Control the emulator at this address."""
        self._url = f"{url}/_emulator"

    def get(self, path: str) -> Any:
        return HTTP.get(f"{self._url}{path}").raise_for_status().json()

    def advance(self, seconds: float) -> None:
        HTTP.post(f"{self._url}/clock", json={"advance_seconds": seconds}).raise_for_status()

    def patch(self, vault_id: str, **fields: Any) -> dict[str, Any]:
        return dict(HTTP.patch(f"{self._url}/vaults/{vault_id}", json=fields).raise_for_status().json())

    def destroy(self, vault_id: str) -> None:
        HTTP.delete(f"{self._url}/vaults/{vault_id}").raise_for_status()

    def fault(self, **order: Any) -> None:
        HTTP.post(f"{self._url}/faults", json=order).raise_for_status()

    def reset(self) -> None:
        HTTP.post(f"{self._url}/reset").raise_for_status()

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        return HTTP.request(method, f"{self._url}{path}", **options)


class Service:
    """The official SDK, with defaults that keep tests short."""

    def __init__(self, url: str, control: Control) -> None:
        """Call the emulator at this address."""
        self.url = url
        self.control = control

    def client(
        self,
        *,
        key: str = "test",
        secret: str | None = None,
        algorithm: str | None = None,
        region: str | None = None,
        **config: Any,
    ) -> Client:
        """An SDK client, as a user would make it."""
        if region is not None:
            config["global_parameters"] = GlobalParameters(queries={"RegionId": region})
        return Client(
            Config(
                access_key_id=key,
                access_key_secret=secret or SECRETS.get(key, "unknown"),
                **{"endpoint": self.url.removeprefix("http://"), "protocol": "http", **config},
                signature_algorithm=algorithm,
            )
        )

    def make(self, region: str = "cn-hangzhou", name: str = "orders", *, ready: bool = True, **fields: Any) -> str:
        """Make a vault, by default wait until it is CREATED, and return its id."""
        key = fields.pop("key", "test")
        request = models.CreateVaultRequest(vault_region_id=region, vault_name=name, **fields)
        vault_id = self.client(key=key).create_vault(request).body.vault_id
        if ready:
            self.control.advance(INITIALIZING_SECONDS)
        return str(vault_id)

    def mirror(self, source: str, region: str = "cn-shanghai", *, ready: bool = True, **fields: Any) -> str:
        """Make a mirror and return its id."""
        key = fields.pop("key", "test")
        request = models.CreateReplicationVaultRequest(
            **{
                "vault_region_id": region,
                "vault_name": "orders-dr",
                "replication_source_region_id": "cn-hangzhou",
                "replication_source_vault_id": source,
                **fields,
            }
        )
        vault_id = self.client(key=key).create_replication_vault(request).body.vault_id
        if ready:
            self.control.advance(INITIALIZING_SECONDS)
        return str(vault_id)

    def delete(self, vault_id: str) -> None:
        """Delete a vault."""
        self.client().delete_vault(models.DeleteVaultRequest(vault_id=vault_id))

    def list(self, **filters: Any) -> list[Any]:
        """One page of vaults, as the SDK reads them."""
        key = filters.pop("key", "test")
        return list(self.client(key=key).describe_vaults(models.DescribeVaultsRequest(**filters)).body.vaults.vault)

    def get(self, vault_id: str) -> Any:
        """One vault, as the SDK reads it."""
        (vault,) = self.list(vault_id=vault_id)
        return vault


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    """One emulator for all tests that need no settings of their own."""
    with Emulator(Settings(initializing_seconds=INITIALIZING_SECONDS, credentials=SECRETS)) as emulator:
        yield emulator
    HTTP.close()


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """An empty emulator."""
    HTTP.post(f"{running.url}/_emulator/reset").raise_for_status()
    return running


@pytest.fixture
def control(emulator: Emulator) -> Control:
    """Its control surface."""
    return Control(emulator.url)


@pytest.fixture
def service(emulator: Emulator, control: Control) -> Service:
    """Its service, by the SDK."""
    return Service(emulator.url, control)


@pytest.fixture
def request_to(emulator: Emulator) -> Callable[..., SignedRequest]:
    """Its service, by requests of our own."""

    def make(action: str = "DescribeVaults", **fields: Any) -> SignedRequest:
        return SignedRequest(**{"url": emulator.url, "action": action, **fields})

    return make


@pytest.fixture
def own_emulator() -> Iterator[Callable[..., tuple[Service, Control]]]:
    """Emulators with settings of their own, closed at the end of the test."""
    opened: list[Emulator] = []

    def start(state: Any = None, **settings: Any) -> tuple[Service, Control]:
        settings = {"initializing_seconds": INITIALIZING_SECONDS, "credentials": SECRETS, **settings}
        opened.append(Emulator(Settings(**settings), state=state))
        surface = Control(opened[-1].url)
        return Service(opened[-1].url, surface), surface

    yield start
    for emulator in opened:
        emulator.close()
