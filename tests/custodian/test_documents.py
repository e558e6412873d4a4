"""Documents are kept under keys of their own, and read only after it was said."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest

from safehold.cases.review.refusals import NotPermittedError
from safehold.custodian.interface import RequestError
from safehold.custodian.local import LocalCustodian
from safehold.reporting.model import UnknownReportError
from safehold.vault.interface import ObjectMissingError, VaultError
from tests.custodian.reported import Reported, reported

TOLD = b'{"reference": "A-1"}'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    with reported(tmp_path_factory.mktemp("home"), "http://127.0.0.1:9") as made:
        yield made


@pytest.fixture(scope="module")
def custodian(house: Reported) -> Iterator[LocalCustodian]:
    with contextlib.closing(house.custodian()) as made:
        yield made


def test_kept_and_read(house: Reported, custodian: LocalCustodian) -> None:
    case = house.case()
    report = house.begin(case)
    access = house.access(report, "officer")
    named = custodian.keep_document(access, "acknowledgement", report.report_id, TOLD)
    with house.runtime.records.read() as transaction:
        [kept] = transaction.reports.documents(case.case_id)
    assert (kept.document_id, kept.report_id, kept.size) == (named, report.report_id, len(TOLD))
    assert kept.key_name != case.key_name
    output = io.BytesIO()
    assert custodian.read_document(access, named, output) == len(TOLD)
    assert output.getvalue() == TOLD
    assert house.kinds()[-2:] == ["document.kept", "document.read"]
    # Shredding the case's key leaves what was confirmed about its report.
    custodian.shred(access)
    assert custodian.read_document(access, named, io.BytesIO()) == len(TOLD)


def test_who_may(house: Reported, custodian: LocalCustodian) -> None:
    report, other = house.begin(house.case(b"a")), house.begin(house.case(b"b"))
    access = house.access(report, "officer")
    for who in ("approver", "reviewer", "auditor"):
        with pytest.raises(NotPermittedError):
            custodian.keep_document(
                house.access(report, who), "acknowledgement", report.report_id, TOLD
            )
    for kind in ("receipt", "anything"):
        with pytest.raises(RequestError):
            custodian.keep_document(access, kind, report.report_id, TOLD)
    with pytest.raises(UnknownReportError):
        custodian.keep_document(access, "acknowledgement", other.report_id, TOLD)
    named = custodian.keep_document(access, "destruction_request", "", TOLD)
    with pytest.raises(NotPermittedError):
        custodian.read_document(house.access(report, "auditor"), named, io.BytesIO())
    with pytest.raises(ObjectMissingError):
        custodian.read_document(house.access(other, "officer"), named, io.BytesIO())


def test_what_was_altered_is_not_told(house: Reported, custodian: LocalCustodian) -> None:
    report = house.begin(house.case(b"c"))
    access = house.access(report, "officer")
    named = custodian.keep_document(access, "acknowledgement", report.report_id, TOLD)
    with house.runtime.records.read() as transaction:
        [kept] = transaction.reports.documents(report.case_id)
    sealed = house.runtime.vault.seal(kept.recipient, b"longer than what was kept before")
    house.runtime.objects.delete(kept.object_name)
    house.runtime.objects.put(kept.object_name, io.BytesIO(sealed))
    output = io.BytesIO()
    with pytest.raises(VaultError):
        custodian.read_document(access, named, output)
    assert output.getvalue() == b""
