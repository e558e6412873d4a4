"""What a page says after something was done: `?done=CODE` in its address, a text from here.

Only these codes show anything, so an address cannot put words into a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from safehold.console.catalog import mark

FLASHES: Mapping[str, str] = MappingProxyType(
    {
        "signed_out": mark("You are signed out."),
        "too_late": mark("That form was open too long. Please go on here."),
        "saved": mark("Saved."),
        "password_changed": mark("Your password is changed; all other sessions have ended."),
        "passkey_added": mark("The passkey is added."),
        "passkey_removed": mark("The passkey is removed."),
        "totp_added": mark("The authenticator app is set up."),
        "totp_removed": mark("The authenticator app is removed."),
        "session_ended": mark("The session has ended."),
        "sessions_ended": mark("All other sessions have ended."),
        "user_added": mark("The user is added."),
        "user_reset": mark("The user has to set up the account anew."),
        "user_disabled": mark("The user can no longer sign in."),
        "user_enabled": mark("The user can sign in again."),
        "user_sessions_ended": mark("The user's sessions have ended."),
        "set_up": mark("Your account is set up."),
        "roles_changed": mark("The roles are changed."),
        "taken": mark("The case is yours until you decide it, pass it on or the lock ends."),
        "released": mark("The case is free for others."),
        "passed": mark("The case is left to somebody else."),
        "confirmed": mark("The case is confirmed."),
        "cleared": mark("The case is cleared."),
        "escalated": mark("The case is escalated."),
        "need_more": mark("The case waits for more to go on."),
        "noted": mark("The note is added."),
        "group_decided": mark("The group is decided."),
        "split": mark("The case no longer belongs to the group."),
        "proposed": mark("Proposed. Somebody else has to approve it."),
        "approved": mark("Approved."),
        "refused": mark("Refused."),
        "withdrawn": mark("Withdrawn."),
        "report_begun": mark("The report is begun. Read what it says, and add what is missing."),
        "report_file_added": mark("The file goes along."),
        "report_file_removed": mark("The file is left out."),
        "report_fixed": mark("The report is fixed. Somebody else reads and approves it now."),
        "report_approved": mark("The report is approved."),
        "report_sent_back": mark("The report is to be prepared anew."),
        "report_abandoned": mark("The report is abandoned."),
        "report_resolved": mark("It is on record what became of the report."),
        "report_acknowledged": mark("The report is filed; its confirmation is kept."),
        "destructions_proposed": mark("Proposed. Somebody else has to approve each."),
        "hold_set": mark("The legal hold stands."),
        "hold_lifted": mark("The legal hold is lifted."),
        "queue_empty": mark("No case is waiting for you."),
        "view_ended": mark("The view has ended."),
    }
)
