// The page of a report: values are copied, and while it is sent the page says how far it is.

const ASK_MS = 4000;
const MOST_ASKED = 45; // Asking keeps a session alive, so it ends by itself after three minutes.

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (button instanceof HTMLButtonElement && navigator.clipboard) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy ?? "");
  try {
    await navigator.clipboard.writeText(source?.textContent ?? "");
  } catch {
    return; // The browser does not allow it; the text can be selected.
  }
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  said.textContent = button.dataset.copied ?? "";
  button.parentElement?.querySelector("[role=status]")?.remove();
  button.after(said);
}

const live = document.getElementById("report-live");
let asked = 0;

/** Ask how far the report is; where its state is another one the page is loaded again. */
async function look() {
  if (document.hidden) {
    later();
    return;
  }
  asked += 1;
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const state = page.getElementById("report-state");
  if (!answer.ok || state === null) {
    return;
  }
  if (state.dataset.state !== document.getElementById("report-state")?.dataset.state) {
    location.replace(location.pathname);
    return;
  }
  const fresh = page.querySelector("#report-live tbody");
  const rows = live?.querySelector("tbody");
  if (fresh && rows && fresh.children.length !== rows.children.length) {
    rows.replaceWith(fresh);
  } else if (fresh && !rows) {
    location.replace(location.pathname);
    return;
  }
  later();
}

function later() {
  if (asked < MOST_ASKED) {
    window.setTimeout(() => look().catch(() => undefined), ASK_MS);
  }
}

if (live?.dataset.watch) {
  later();
}
