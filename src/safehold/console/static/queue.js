// The queue by keyboard: j and k move between rows. n takes the next (see console.js); Enter opens.

const links = [...document.querySelectorAll("[data-row] th a")].filter(
  (link) => link instanceof HTMLElement,
);
let here = -1;

/** @param {number} by how many rows further */
function move(by) {
  if (links.length === 0) {
    return;
  }
  here = Math.min(Math.max(here + by, 0), links.length - 1);
  links[here].focus();
  links[here].scrollIntoView({ block: "nearest" });
}

links.forEach((link, place) => link.addEventListener("focus", () => (here = place)));
const moving = document.getElementById("rows");
if (moving && links.length > 0) {
  moving.hidden = false;
  document.getElementById("row-next")?.addEventListener("click", () => move(1));
  document.getElementById("row-before")?.addEventListener("click", () => move(-1));
}
