// Passkeys: a form with data-passkey asks the browser for a passkey and sends what it says.
// WebAuthn Level 3, https://www.w3.org/TR/webauthn-3/; binary fields travel as base64url.

/**
 * @param {string} text base64url
 * @returns {ArrayBuffer}
 */
function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0)).buffer;
}

/**
 * @param {ArrayBuffer | null} buffer
 * @returns {string | undefined} base64url
 */
function text(buffer) {
  if (!buffer) {
    return undefined;
  }
  const plain = Array.from(new Uint8Array(buffer), (value) => String.fromCharCode(value)).join("");
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * @param {{id: string}} credential
 * @returns {any}
 */
function named(credential) {
  return { ...credential, id: bytes(credential.id) };
}

/** The house says why no passkey can be asked for. */
class Refused extends Error {}

/**
 * @param {string} address
 * @returns {Promise<any>} what the house asks the passkey to sign
 */
async function options(address) {
  const csrf = document.querySelector('meta[name="csrf"]')?.getAttribute("content") ?? "";
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF": csrf },
    body: "{}",
    credentials: "same-origin",
    cache: "no-store",
  });
  const said = await response.json();
  if (!response.ok) {
    throw new Refused([said.message, said.hint].filter(Boolean).join(" "));
  }
  return said;
}

/**
 * @param {any} asked
 * @returns {Promise<any>}
 */
async function create(asked) {
  const made = /** @type {PublicKeyCredential} */ (
    await navigator.credentials.create({
      publicKey: {
        ...asked,
        challenge: bytes(asked.challenge),
        user: { ...asked.user, id: bytes(asked.user.id) },
        excludeCredentials: (asked.excludeCredentials ?? []).map(named),
      },
    })
  );
  const answer = /** @type {AuthenticatorAttestationResponse} */ (made.response);
  return [made, {
    attestationObject: text(answer.attestationObject),
    clientDataJSON: text(answer.clientDataJSON),
    transports: answer.getTransports ? answer.getTransports() : [],
  }];
}

/**
 * @param {any} asked
 * @returns {Promise<any>}
 */
async function get(asked) {
  const used = /** @type {PublicKeyCredential} */ (
    await navigator.credentials.get({
      publicKey: {
        ...asked,
        challenge: bytes(asked.challenge),
        allowCredentials: (asked.allowCredentials ?? []).map(named),
      },
    })
  );
  const answer = /** @type {AuthenticatorAssertionResponse} */ (used.response);
  return [used, {
    authenticatorData: text(answer.authenticatorData),
    clientDataJSON: text(answer.clientDataJSON),
    signature: text(answer.signature),
    userHandle: text(answer.userHandle),
  }];
}

/**
 * @param {HTMLFormElement} form
 */
async function use(form) {
  const status = form.querySelector("[data-passkey-status]");
  const button = form.querySelector("button");
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("response"));
  if (!status || !button) {
    return;
  }
  status.textContent = form.dataset.waiting ?? "";
  button.disabled = true;
  try {
    const asked = await options(form.dataset.options ?? "");
    const [credential, response] = await (form.dataset.passkey === "create" ? create : get)(asked);
    field.value = JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    });
    form.submit();
  } catch (error) {
    // Of a refusal or a timeout the browser tells no more to a page.
    const said = error instanceof Refused ? error.message : "";
    status.textContent = said || (form.dataset.failed ?? "");
    button.disabled = false;
    button.focus();
  }
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.querySelector("[data-passkey-without]")?.setAttribute("hidden", "");
    form.querySelector("button")?.removeAttribute("hidden");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void use(/** @type {HTMLFormElement} */ (form));
    });
  }
}
