"""Words for published figures. Names of tables, rows and of what is not counted."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.console.catalog import mark

TABLES: Mapping[str, str] = {
    "found": mark("Found, by what was done at once"),
    "found_by_surface": mark("Found, by surface"),
    "found_by_method": mark("Found, by how"),
    "decided": mark("Decided by people"),
    "generated": mark("Believed to be generated; decisions undone"),
    "reported": mark("Reported, by authority"),
    "hours": mark("Hours from one to the other"),
    "cleared_percent": mark("Cleared by people, of what was decided"),
    "flags": mark("Flags of users, by what came of them"),
    "appeals": mark("Appeals, by what came of them"),
    "orders": mark("Asked for by authorities"),
}

ROWS: Mapping[str, str] = {
    "blocked": mark("blocked"),
    "held": mark("held"),
    "flagged": mark("only flagged"),
    "exact": mark("by listed bytes"),
    "similar": mark("by likeness"),
    "flag": mark("by a user's flag"),
    "other": mark("by a classifier, or not to be checked"),
    "confirmed": mark("confirmed"),
    "cleared": mark("cleared"),
    "generated": mark("believed to be generated"),
    "undone": mark("decisions undone"),
    "found_to_decision_median": mark("found to decided, median"),
    "found_to_decision_nine_of_ten": mark("found to decided, nine of ten"),
    "confirmed_to_report_median": mark("confirmed to reported, median"),
    "confirmed_to_report_nine_of_ten": mark("confirmed to reported, nine of ten"),
    "found_to_report_median": mark("found to reported, median"),
    "found_to_report_nine_of_ten": mark("found to reported, nine of ten"),
    "flag_to_decision_median": mark("flagged to decided, median"),
    "flag_to_decision_nine_of_ten": mark("flagged to decided, nine of ten"),
    "appeal_to_decision_median": mark("appealed to decided, median"),
    "appeal_to_decision_nine_of_ten": mark("appealed to decided, nine of ten"),
    "all": mark("all"),
    "open": mark("not decided yet"),
    "upheld": mark("decision stood"),
    "reversed": mark("decision reversed"),
    "holds": mark("legal holds"),
    "destructions": mark("destructions of evidence"),
}

NOT_COUNTED: Mapping[str, str] = {
    "items_checked": mark("how many items were checked (the servers' metrics count them)"),
    "orders_by_state": mark("orders by member state, and the time until they were answered"),
    "trusted_flaggers": mark("which flags came from trusted flaggers"),
    "staff": mark("who moderates, in which languages, and how they are trained"),
    "disputes_outside": mark("disputes that were settled outside of court"),
    "suspensions": mark("accounts that were suspended"),
    "recipients": mark("how many people use the service each month"),
}
