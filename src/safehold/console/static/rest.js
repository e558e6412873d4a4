// The quiet page: how long the pause still is. The clock is seen by the second; it is read out
// at a few moments alone, politely.

/** Minutes at which what is left is read out. */
const SAID = [10, 5, 1];

/**
 * @param {number} seconds
 * @returns {string} minutes and seconds
 */
function clock(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const two = [minutes, seconds % 60].map((part) => String(part).padStart(2, "0"));
  return [...(hours ? [String(hours)] : []), ...two].join(":");
}

/**
 * @param {HTMLElement} pause
 */
function count(pause) {
  const shown = pause.querySelector("[data-rest-clock]");
  const said = pause.querySelector("[data-rest-said]");
  // Seconds from the server's clock, counted by one that does not jump.
  const end = performance.now() + Number(pause.dataset.rest) * 1000;
  if (!shown || !said) {
    return;
  }
  let last = -1;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    shown.textContent = clock(left);
    const minutes = Math.ceil(left / 60);
    if (left === 0) {
      said.textContent = pause.dataset.over ?? "";
      shown.textContent = "";
      window.clearInterval(timer);
    } else if (minutes !== last && SAID.includes(minutes)) {
      const text = (minutes === 1 ? pause.dataset.minute : pause.dataset.minutes) ?? "";
      said.textContent = text.replace("{minutes}", String(minutes));
    }
    last = minutes;
  };
  const timer = window.setInterval(tick, 1000);
  tick();
}

for (const pause of document.querySelectorAll("[data-rest]")) {
  count(/** @type {HTMLElement} */ (pause));
}
