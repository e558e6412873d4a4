"""A small typed client for services, and middleware for their uploads. Stands alone.

    from safehold.client import Client

    with Client("https://screen.internal:8450", key) as client:
        answer = client.screen(data, surface="public", uploader="user-7")
        if answer.allowed:
            store(data)

`safehold.client.asgi` and `safehold.client.django` check uploads before the application sees them.
"""

from safehold.client.bodies import Body, Data
from safehold.client.drivers import AsyncClient, Client
from safehold.client.errors import (
    BodyError,
    BytesDiffer,
    ClientError,
    ContractError,
    Refused,
    Unavailable,
    WebhookError,
)
from safehold.client.model import (
    Answer,
    ClientOptions,
    Context,
    Digests,
    Flag,
    ReceiptState,
    Verdict,
)
from safehold.client.webhooks import ReceiptUpdated, verify_webhook

__all__ = [
    "Answer",
    "AsyncClient",
    "Body",
    "BodyError",
    "BytesDiffer",
    "Client",
    "ClientError",
    "ClientOptions",
    "ContractError",
    "Context",
    "Data",
    "Digests",
    "Flag",
    "ReceiptState",
    "ReceiptUpdated",
    "Refused",
    "Unavailable",
    "Verdict",
    "WebhookError",
    "verify_webhook",
]
