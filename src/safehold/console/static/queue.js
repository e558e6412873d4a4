// The queue by keyboard: j and k move between rows, Enter opens, n takes the next.

import { listen } from "./keys.js";

/** Move the focus by some rows. */
function move(by) {
  const links = [...document.querySelectorAll("[data-row] th a")];
  if (links.length === 0) {
    return;
  }
  const here = links.findIndex((link) => link === document.activeElement);
  const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : here + by;
  const link = links[Math.min(Math.max(next, 0), links.length - 1)];
  if (link instanceof HTMLElement) {
    link.focus();
    link.scrollIntoView({ block: "nearest" });
  }
}

listen({ j: () => move(1), k: () => move(-1) });
