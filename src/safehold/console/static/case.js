// The page of a case by keyboard (keys: see console.js). A key opens a panel of deciding and goes
// to its first field; nothing is decided by a key alone.

import { setUp } from "./view.js";

for (const panel of document.querySelectorAll("details.case-choice")) {
  const summary = panel.querySelector("summary");
  panel.addEventListener("toggle", () => {
    const first = panel.querySelector(
      "input:not([type=hidden]), select, textarea, button",
    );
    if (panel instanceof HTMLDetailsElement && panel.open && summary === document.activeElement) {
      if (first instanceof HTMLElement) {
        first.focus();
      }
    }
  });
}

// The lock ends by itself, also while somebody reads.
const lock = document.getElementById("lock");
if (lock) {
  const over = () => {
    lock.textContent = lock.dataset.over ?? "";
    lock.classList.add("case-notice");
  };
  window.setTimeout(over, Number(lock.dataset.seconds) * 1000);
}

setUp();
