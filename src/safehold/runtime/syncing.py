"""From the settings of exchanges to what synchronises them."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from safehold.config.credentials import read_credentials
from safehold.lists.exchanges.model import Credentials, ExchangeOptions, ExchangeSettingsError
from safehold.lists.importing import Importer
from safehold.lists.sync.feed import FeedMissingError
from safehold.lists.sync.machine import SyncParts
from safehold.lists.sync.service import BUCKET, SyncService, SyncSources
from safehold.outbound.model import Call, OutboundOptions, Reply

if TYPE_CHECKING:
    from safehold.lists.entry_rows import RowChecker
    from safehold.runtime.core import Runtime
    from safehold.vault.peers import Card


def sync_service(
    runtime: Runtime,
    checker: RowChecker,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> SyncService:
    """What synchronises the lists of a home, for the thread that owns `runtime`."""
    settings = runtime.settings
    parts = SyncParts(
        lists=runtime.list_store,
        syncs=runtime.syncs,
        checker=checker,
        clock=runtime.clock,
        send=_sender(settings.outbound),
        sleep=sleep,
        chance=chance,
    )
    sources = SyncSources(
        options=settings.exchanges,
        credentials=lambda options: read_credentials(
            options.credentials_file, options.credentials_env
        ),
        bucket=lambda options, credentials: _bucket(runtime, options, credentials),
        folder=runtime.home.feeds,
        importer=Importer(runtime.list_store, runtime.digest_key, runtime.import_limits),
        open=functools.partial(_open_shared, runtime),
        peer=lambda options: _card(runtime, options).text,
    )
    return SyncService(parts, sources)


def _sender(options: OutboundOptions) -> Callable[[Call], Reply]:
    def send(call: Call) -> Reply:
        from safehold.outbound.client import send_once

        return send_once(call, options)

    return send


def _open_shared(
    runtime: Runtime, options: ExchangeOptions, content: bytes, last: int
) -> tuple[int, bytes]:
    """What a peer has shared: its number, and its rows."""
    from safehold.vault.peers import peer_keys
    from safehold.vault.shared_list import unpack

    card = _card(runtime, options)
    opened = unpack(content, peer_keys(runtime.home.peer_key), card, last)
    return opened.serial, opened.rows


def _card(runtime: Runtime, options: ExchangeOptions) -> Card:
    """The keys of the peer that the settings name."""
    from safehold.vault.peers import PeersFile

    return PeersFile(runtime.home.peers).find(options.peer)


def _bucket(
    runtime: Runtime, options: ExchangeOptions, credentials: Credentials
) -> tuple[Callable[[], str], Callable[[], BinaryIO]]:
    """A feed in a bucket, reached as the vault's buckets are, with credentials of its own."""
    from safehold.vault.interface import VaultError
    from safehold.vault.s3 import S3Object, S3Options

    places = runtime.settings.vault
    bucket, _, key = options.url.removeprefix(BUCKET).partition("/")
    if not bucket or not key:
        raise ExchangeSettingsError("The address of a feed in a bucket is s3://BUCKET/KEY.")
    chosen = S3Options(
        endpoint=places.s3_endpoint,
        region=places.s3_region,
        access_key_id=credentials.user or places.s3_access_key,
        secret_access_key=credentials.password or places.s3_secret_key,
        allow_http=places.s3_allow_http,
        timeout_seconds=options.timeout_seconds,
    )

    def tag() -> str:
        try:
            return S3Object(bucket, key, chosen).tag()
        except VaultError as error:
            raise FeedMissingError from error

    def content() -> BinaryIO:
        try:
            return S3Object(bucket, key, chosen).open()
        except VaultError as error:
            raise FeedMissingError from error

    return tag, content
