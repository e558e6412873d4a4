// What every page does: colours, keys, forms that are sent once, tables on narrow screens.

/** @typedef {"" | "light" | "dark"} Theme */

const THEME = "safehold-theme";
const KEYS_OFF = "safehold-keys-off";
const SENT_AGAIN_MS = 4000;

/**
 * @param {string} name
 * @returns {string}
 */
function stored(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
function store(name, value) {
  try {
    if (value) {
      localStorage.setItem(name, value);
    } else {
      localStorage.removeItem(name);
    }
  } catch {
    // Without storage a choice lasts as long as the page.
  }
}

// A page that the browser kept and brings back may show what is no longer so, or no longer ours.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.reload();
  }
});

/** The choice of colours. */
function themes() {
  const choice = document.getElementById("theme");
  if (!(choice instanceof HTMLSelectElement)) {
    return;
  }
  const known = ["", "light", "dark"];
  const now = stored(THEME);
  choice.value = known.includes(now) ? now : "";
  choice.closest("[hidden]")?.removeAttribute("hidden");
  choice.addEventListener("change", () => {
    store(THEME, choice.value);
    if (choice.value) {
      document.documentElement.dataset.theme = choice.value;
    } else {
      delete document.documentElement.dataset.theme;
    }
  });
}

/**
 * Whether somebody is writing, so that a letter is a letter.
 * @param {EventTarget | null} target
 */
function isWriting(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button])"))
  );
}

/** @returns {HTMLElement[]} what a key does something with, and can be seen */
function keyed() {
  const seen = new Set();
  return [...document.querySelectorAll("[data-key]")].filter((element) => {
    const key = element.getAttribute("data-key");
    const usable =
      element instanceof HTMLElement &&
      !element.matches(":disabled, [aria-disabled=true]") &&
      element.getClientRects().length > 0;
    return usable && !seen.has(key) && seen.add(key);
  });
}

/** @param {HTMLElement} element */
function meaning(element) {
  const given = element.dataset.keyLabel ?? element.getAttribute("aria-label");
  if (given) {
    return given;
  }
  const named = "labels" in element && element.labels?.[0] ? element.labels[0] : element;
  const copy = named.cloneNode(true);
  if (copy instanceof HTMLElement) {
    copy.querySelectorAll("kbd").forEach((kbd) => kbd.remove());
  }
  return (copy.textContent ?? "").replace(/\s+/g, " ").trim();
}

/**
 * Fill the list of keys with those of this page, and show it.
 * @param {HTMLDialogElement} dialog
 */
function showKeys(dialog) {
  const list = dialog.querySelector("dl");
  list?.querySelectorAll("[data-found]").forEach((row) => row.remove());
  for (const element of keyed()) {
    const row = document.createElement("div");
    row.dataset.found = "";
    const term = document.createElement("dt");
    const kbd = document.createElement("kbd");
    kbd.textContent = element.dataset.key ?? "";
    term.append(kbd);
    const words = document.createElement("dd");
    words.textContent = meaning(element);
    row.append(term, words);
    list?.prepend(row);
  }
  dialog.showModal();
}

/** @param {HTMLElement} element */
function press(element) {
  element.focus();
  if (!element.matches("input:not([type=checkbox], [type=radio], [type=submit]), select, textarea")) {
    element.click();
  }
}

/** Single keys, which can be turned off (WCAG 2.2, 2.1.4). A page's own keys come first. */
function keys() {
  const dialog = document.getElementById("keyboard");
  const on = document.getElementById("keyboard-on");
  if (!(dialog instanceof HTMLDialogElement) || !(on instanceof HTMLInputElement)) {
    return;
  }
  on.checked = stored(KEYS_OFF) !== "1";
  on.addEventListener("change", () => store(KEYS_OFF, on.checked ? "" : "1"));
  const open = document.getElementById("keyboard-open");
  if (open && document.getElementById("keys") === null && keyed().length > 0) {
    open.hidden = false;
    open.addEventListener("click", () => showKeys(dialog));
  }
  window.addEventListener("keydown", (event) => {
    const other = event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey;
    if (other || event.repeat || isWriting(event.target) || stored(KEYS_OFF) === "1") {
      return;
    }
    if (document.querySelector("dialog[open]") || document.getElementById("keys")) {
      return;
    }
    if (event.key === "?") {
      event.preventDefault();
      showKeys(dialog);
      return;
    }
    const found = keyed().find((element) => element.dataset.key === event.key);
    if (found) {
      event.preventDefault();
      press(found);
    }
  });
}

/** A form that is under way is not sent once more by a second click. */
function forms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) {
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, SENT_AGAIN_MS);
  });
}

/** Cells of a table that stacks say which column they are of. */
function tables() {
  for (const table of document.querySelectorAll("table.stacks")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent?.trim());
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, place) => {
        const filled = cell.textContent?.trim() || cell.firstElementChild;
        if (cell instanceof HTMLElement && filled && heads[place] && !cell.dataset.label) {
          cell.dataset.label = heads[place];
        }
      });
    }
  }
}

/** Moments in this browser's own zone, as a title. */
function moments() {
  const language = document.documentElement.lang;
  for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.getAttribute("datetime") ?? "");
    if (!Number.isNaN(at.getTime())) {
      time.setAttribute(
        "title",
        at.toLocaleString(language, { dateStyle: "medium", timeStyle: "long" }),
      );
    }
  }
}

themes();
keys();
forms();
tables();
moments();
