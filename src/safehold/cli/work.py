"""`safehold work` and `safehold canary`."""

from __future__ import annotations

import json
import sys

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service
from safehold.cli.serve import until_told

WORK_EXAMPLE = "Example: safehold work"
CANARY_EXAMPLE = "Example: safehold canary --json"


def work(context: typer.Context, home: HomeOption = None) -> int:
    """Do what is due: webhooks, alarms, canaries, checkpoints, deadlines, forgetting.

    Logs are JSON lines on standard output, with ids only. It ends with SIGTERM or Ctrl-C.
    Several may run over one database.
    """
    from safehold.cli.console import note
    from safehold.runtime.log import json_log
    from safehold.work.compose import work_jobs
    from safehold.work.process import run

    log = json_log(sys.stdout)
    with open_service(context, home) as runtime:
        jobs = work_jobs(runtime, log)
        stop = until_told()
        note("Working.")
        ended = run(jobs, runtime.settings.work, stop, log)
    return 0 if ended else 70


def canary(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> int:
    """Send benign known pictures through every running server's whole path, and purge them.

    One must be blocked, one held, one allowed; the evidence must be there and open by the
    custodian; and then nothing of it may be left. Exit code 1 where a server failed.
    """
    from safehold.work.compose import send_canaries

    failed = 0
    with open_service(context, home) as runtime:
        for result in send_canaries(runtime):
            failed += result.code != "ok"
            row = {"server": result.server_id, "code": result.code}
            seconds = round(result.seconds, 3)
            if as_json:
                print(json.dumps(row | {"seconds": seconds}))
            else:
                print(f"{row['server'] or '-'}  {row['code']}  {seconds} s")
    return 1 if failed else 0
