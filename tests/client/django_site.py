"""A small Django site behind the middleware; it counts as stored what reaches its views."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

STORED: list[tuple[str, bytes]] = []
RECEIPTS: list[tuple[str, str | None]] = []


def upload(request: HttpRequest) -> HttpResponse:
    from safehold.client.django import checked

    for name, files in request.FILES.lists():
        for file in files:
            STORED.append((name, b"".join(file.chunks(1000))))
            file.seek(0)
            assert file.read(5) == STORED[-1][1][:5]
            assert file.size == len(STORED[-1][1])
    RECEIPTS.extend((c.name, c.receipt) for c in checked(request))
    receipts = [f.receipt for _, files in request.FILES.lists() for f in files]
    return JsonResponse({"post": request.POST.dict(), "receipts": receipts})


def raw(request: HttpRequest) -> HttpResponse:
    STORED.append(("", request.body))
    return HttpResponse("stored")


urlpatterns = [path("upload", csrf_exempt(upload)), path("csrf", upload), path("raw", raw)]


def who(request: Any) -> str | None:
    found = request.headers.get("X-User")
    return None if found is None else str(found)


def configure() -> None:
    """Settings of the site, without the middleware's own, which each test gives."""
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="of-tests",
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[
            "django.middleware.csrf.CsrfViewMiddleware",
            "safehold.client.django.ScreenUploads",
        ],
        DATA_UPLOAD_MAX_MEMORY_SIZE=500_000,
        LOGGING_CONFIG=None,
    )
    django.setup()
