// Looking. Nothing is fetched before somebody asks for it: the view is opened first, then one
// still, small, grey and blurred. A sharp still is fetched when it is held for, is kept in memory
// only while it is held, and is let go with the hand. It all hides itself when its time is over,
// when the page is left or loses the focus, and on Escape.

/**
 * @typedef {object} Opened what the console says of a view that it opened
 * @property {string} still address of the first still
 * @property {string} end address that ends the view
 * @property {number} seconds how long the view lasts
 * @property {boolean} sharpen whether stills may be sharpened
 * @property {boolean} colour whether they may be seen in colour
 * @property {number} left views that are left today
 */

const HEADER_STILLS = "X-Stills";
const HOLD_KEYS = [" ", "Enter"];

/** @param {string} id */
function part(id) {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`the page has no ${id}`);
  }
  return found;
}

function token() {
  return document.querySelector('meta[name="csrf"]')?.getAttribute("content") ?? "";
}

/**
 * Send JSON.
 * @param {string} address
 * @param {object} values
 * @param {boolean} keepalive whether it is sent even if the page goes
 */
function send(address, values, keepalive = false) {
  return fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF": token() },
    body: JSON.stringify(values),
    cache: "no-store",
    credentials: "same-origin",
    keepalive,
  });
}

/** One view, from its opening to its end. */
class Looking {
  /**
   * @param {HTMLElement} root
   * @param {Opened} opened
   */
  constructor(root, opened) {
    this.root = root;
    this.opened = opened;
    this.still = 0;
    this.stills = 0;
    this.over = false;
    this.held = false;
    this.heldSince = 0;
    this.sharpSeconds = 0;
    /** @type {Set<number>} stills that were there to be seen sharp */
    this.seen = new Set();
    this.blurred = "";
    this.sharp = "";
    this.fetching = new AbortController();
    this.until = performance.now() + opened.seconds * 1000;
    this.image = document.createElement("img");
    this.image.draggable = false;
    this.image.alt = root.dataset.altBlurred ?? "";
    this.timer = window.setInterval(() => this.tick(), 250);
    part("look-picture").replaceChildren(this.image);
    part("look-stage").hidden = false;
    part("look-hold").hidden = !opened.sharpen;
    part("look-colour-label").hidden = !opened.colour;
    this.left(opened.left);
  }

  /** @param {number} count */
  left(count) {
    part("look-left").textContent = (this.root.dataset.sayLeft ?? "").replace("{count}", String(count));
  }

  /** @param {string | undefined} text */
  say(text) {
    part("look-said").textContent = text ?? "";
  }

  /**
   * The address of a still.
   * @param {string} level
   */
  address(level) {
    const address = new URL(this.opened.still, location.href);
    address.pathname = address.pathname.replace(/\/\d+$/, `/${this.still}`);
    address.searchParams.set("level", level);
    return address;
  }

  /**
   * Fetch a still; null where there is none to show any more.
   * @param {string} level
   */
  async load(level) {
    this.fetching.abort();
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    try {
      const answer = await fetch(this.address(level), {
        cache: "no-store",
        credentials: "same-origin",
        signal,
      });
      if (!answer.ok || !(answer.headers.get("Content-Type") ?? "").startsWith("image/jpeg")) {
        this.end(this.root.dataset.sayFailed);
        return null;
      }
      const stills = Number(answer.headers.get(HEADER_STILLS));
      const picture = await answer.blob();
      if (this.over || signal.aborted) {
        return null;
      }
      this.count(stills);
      return picture;
    } catch {
      if (!signal.aborted) {
        this.end(this.root.dataset.sayFailed);
      }
      return null;
    }
  }

  /**
   * Make the strip of stills once it is known how many there are.
   * @param {number} stills
   */
  count(stills) {
    if (this.stills || !(stills > 1)) {
      return;
    }
    this.stills = stills;
    const strip = part("look-strip");
    const buttons = Array.from({ length: stills }, (_, number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = String(number + 1);
      button.setAttribute(
        "aria-label",
        (this.root.dataset.sayStill ?? "").replace("{number}", String(number + 1)).replace("{count}", String(stills)),
      );
      button.addEventListener("click", () => this.goTo(number));
      return button;
    });
    strip.replaceChildren(...buttons);
    strip.hidden = false;
    this.markStill();
  }

  markStill() {
    [...part("look-strip").children].forEach((button, number) => {
      button.setAttribute("aria-current", String(number === this.still));
    });
  }

  /** @param {number} number */
  async goTo(number) {
    this.release();
    this.still = number;
    this.markStill();
    URL.revokeObjectURL(this.blurred);
    this.blurred = "";
    this.hideSharp();
    await this.showBlurred();
  }

  async showBlurred() {
    const picture = await this.load("blurred");
    if (!picture) {
      return;
    }
    URL.revokeObjectURL(this.blurred);
    this.blurred = URL.createObjectURL(picture);
    this.hideSharp();
    this.say(this.opened.sharpen ? this.root.dataset.sayOpen : this.root.dataset.sayBlurredOnly);
  }

  /** Begin to hold: fetch the sharp still, and show it if it is still held for. Blurred first. */
  async hold() {
    if (this.over || this.held || !this.blurred || !this.opened.sharpen) {
      return;
    }
    this.held = true;
    part("look-hold").setAttribute("aria-pressed", "true");
    const colour = part("look-colour");
    const wanted = this.opened.colour && colour instanceof HTMLInputElement && colour.checked;
    const picture = await this.load(wanted ? "colour" : "grey");
    if (!picture || !this.held || this.over) {
      return;
    }
    this.sharp = URL.createObjectURL(picture);
    this.image.src = this.sharp;
    this.image.alt = this.root.dataset.altSharp ?? "";
    this.heldSince = performance.now();
    const { still } = this;
    try {
      await this.image.decode();
    } catch {
      return; // let go before it was drawn
    }
    if (this.held && !this.over && this.still === still) {
      this.seen.add(still);
    }
  }

  /** The hand lets go. */
  release() {
    if (!this.held) {
      return;
    }
    this.held = false;
    part("look-hold").setAttribute("aria-pressed", "false");
    if (this.sharp) {
      this.sharpSeconds += (performance.now() - this.heldSince) / 1000;
    } else {
      this.fetching.abort();
    }
    this.hideSharp();
  }

  hideSharp() {
    if (this.blurred) {
      this.image.src = this.blurred;
    } else {
      this.image.removeAttribute("src");
    }
    this.image.alt = this.root.dataset.altBlurred ?? "";
    if (this.sharp) {
      URL.revokeObjectURL(this.sharp);
      this.sharp = "";
    }
  }

  tick() {
    const left = Math.max(0, this.until - performance.now());
    const bar = part("look-time");
    if (bar instanceof HTMLProgressElement) {
      bar.value = this.opened.seconds > 0 ? left / (this.opened.seconds * 1000) : 0;
    }
    if (left === 0) {
      this.end();
    }
  }

  /**
   * Hide everything, and tell the console.
   * @param {string} [why] what is said; else that it is hidden again
   */
  async end(why) {
    if (this.over) {
      return;
    }
    this.release();
    this.over = true;
    window.clearInterval(this.timer);
    this.fetching.abort();
    const hadFocus = part("look-stage").contains(document.activeElement);
    this.image.removeAttribute("src");
    part("look-picture").replaceChildren();
    part("look-strip").replaceChildren();
    part("look-strip").hidden = true;
    part("look-stage").hidden = true;
    URL.revokeObjectURL(this.blurred);
    this.say(why ?? this.root.dataset.sayEnded);
    if (hadFocus) {
      const button = this.root.querySelector(".case-look-button");
      if (button instanceof HTMLElement) {
        button.focus();
      }
    }
    try {
      const told = { sharp_seconds: this.sharpSeconds.toFixed(2), sharp_stills: [...this.seen] };
      const answer = await send(this.opened.end, told, true);
      if (answer.ok) {
        const said = await answer.json();
        this.left(said.left);
        const needed = document.getElementById("look-needed");
        if (said.looked && needed) {
          needed.textContent = this.root.dataset.sayLooked ?? "";
        }
      }
    } catch {
      // The console ends it by its own clock.
    }
  }
}

/** Make the forms of looking do it on this page. */
export function setUp() {
  const root = document.getElementById("look");
  if (!root) {
    return;
  }
  /** @type {Looking | null} */
  let looking = null;
  let opening = false;

  /** @param {HTMLFormElement} form */
  const look = async (form) => {
    if (opening) {
      return;
    }
    opening = true;
    try {
      await looking?.end();
      looking = null;
      const evidence = new FormData(form).get("evidence_id");
      const answer = await send(form.dataset.look ?? "", { evidence_id: String(evidence) });
      const told = await answer.json();
      if (answer.status === 429) {
        location.assign(root.dataset.rest ?? "/");
        return;
      }
      if (!answer.ok) {
        part("look-said").textContent = told.message ?? root.dataset.sayFailed ?? "";
        return;
      }
      looking = new Looking(root, told);
      if (document.hidden) {
        looking.end();
        return;
      }
      const hold = part("look-hold");
      (hold.hidden ? part("look-end") : hold).focus();
      await looking.showBlurred();
    } catch {
      part("look-said").textContent = root.dataset.sayFailed ?? "";
    } finally {
      opening = false;
    }
  };

  for (const form of root.querySelectorAll("form[data-look]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (form instanceof HTMLFormElement) {
        look(form);
      }
    });
  }
  const hold = part("look-hold");
  for (const target of [hold, part("look-picture")]) {
    target.addEventListener("pointerdown", (event) => {
      if (event instanceof PointerEvent && event.button === 0) {
        event.preventDefault();
        if (event.target instanceof Element) {
          event.target.setPointerCapture(event.pointerId);
        }
        hold.focus();
        looking?.hold();
      }
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
      target.addEventListener(kind, () => looking?.release());
    }
    target.addEventListener("contextmenu", (event) => event.preventDefault());
  }
  hold.addEventListener("keydown", (event) => {
    if (HOLD_KEYS.includes(event.key)) {
      event.preventDefault();
      if (!event.repeat) {
        looking?.hold();
      }
    }
  });
  hold.addEventListener("keyup", (event) => {
    if (HOLD_KEYS.includes(event.key)) {
      event.preventDefault();
      looking?.release();
    }
  });
  hold.addEventListener("blur", () => looking?.release());
  part("look-end").addEventListener("click", () => looking?.end());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      looking?.end();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      looking?.end();
    }
  });
  // Who goes on to decide has seen enough, and the decision says what was seen until then.
  for (const choice of document.querySelectorAll("details.case-choice")) {
    choice.addEventListener("toggle", () => {
      if (choice instanceof HTMLDetailsElement && choice.open) {
        looking?.end();
      }
    });
  }
  window.addEventListener("blur", () => looking?.end());
  window.addEventListener("pagehide", () => looking?.end());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      location.reload();
    }
  });
}
