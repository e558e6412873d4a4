// Single keys that press what is on the page. Whoever does not want them turns them off in the
// help (WCAG 2.2, 2.1.4); that is kept in this browser.

const STORED = "safehold-keys-off";

/** Whether somebody is writing, so that a letter is a letter. */
function isWriting(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"))
  );
}

/** Whether single keys are wanted. */
function areOn() {
  try {
    return localStorage.getItem(STORED) !== "1";
  } catch {
    return true;
  }
}

function turn(on) {
  try {
    localStorage.setItem(STORED, on ? "0" : "1");
  } catch {
    // Without storage they stay on.
  }
}

/**
 * Listen for single keys.
 * @param {Record<string, (event: KeyboardEvent) => void>} actions what each key does
 */
export function listen(actions) {
  const help = document.getElementById("keys");
  const hint = document.getElementById("keys-hint");
  const on = document.getElementById("keys-on");
  if (help instanceof HTMLDialogElement && hint && on instanceof HTMLInputElement) {
    hint.hidden = false;
    on.checked = areOn();
    on.addEventListener("change", () => turn(on.checked));
    document.getElementById("keys-open")?.addEventListener("click", () => help.showModal());
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isWriting(event.target)) {
      return;
    }
    if (document.querySelector("dialog[open]") || !areOn()) {
      return;
    }
    if (event.key === "?" && help instanceof HTMLDialogElement) {
      event.preventDefault();
      help.showModal();
      return;
    }
    const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (Object.hasOwn(actions, event.key)) {
      event.preventDefault();
      actions[event.key](event);
    } else if (named instanceof HTMLElement) {
      event.preventDefault();
      press(named);
    }
  });
}

/** Press a button or a link; open a panel, and go to its first field. */
function press(element) {
  if (element instanceof HTMLDetailsElement) {
    element.open = true;
    const first = element.querySelector("form input:not([type=hidden]), form select, form textarea, form button");
    const target = first instanceof HTMLElement ? first : element.querySelector("summary");
    if (target instanceof HTMLElement) {
      target.focus();
    }
    return;
  }
  element.focus();
  element.click();
}
