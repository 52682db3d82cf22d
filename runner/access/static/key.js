// Ask a service that may want a key: ask for it once, and keep it for this tab.
const KEY = "runner-key"; // kept as long as this tab is open, and for no other

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

// Tell the service's refusal for want of a key from whatever else an answer of 401 says.
export function wantsKey(answer) {
  const challenge = answer.headers.get("www-authenticate") ?? "";
  return answer.status === 401 && challenge.includes('realm="runner"');
}

// Ask the service. Where it wants a key, ask for that and try again; without one give its refusal.
// The key is sent to nobody else, wherever the service may send us.
export async function reached(url, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const headers = key === null ? options.headers : { ...options.headers, "x-api-key": key };
    const answer = await fetch(url, { ...options, headers, mode: "same-origin" });
    if (!wantsKey(answer)) return answer;
    sessionStorage.removeItem(KEY);
    const isUnknown = answer.headers.get("www-authenticate").includes("invalid_token");
    if (!await takeKey(isUnknown ? "This key is not known." : "")) return answer;
  }
}

// Have whoever looks at the page give a key; tell whether they did.
export async function takeKey(fault = "") {
  const given = await keyFor(fault);
  if (given !== "") sessionStorage.setItem(KEY, given);
  return given !== "";
}

function keyFor(fault) {
  const input = element("input", {
    id: "key", type: "password", autocomplete: "off", required: true,
    pattern: "\\s*[!-~]+\\s*", title: "A key has no spaces, and only characters of ASCII",
  });
  const dialog = element("dialog", { class: "key", "aria-labelledby": "key-title" },
    element("form", { method: "dialog" },
      element("h2", { id: "key-title" }, "This service asks for a key"),
      element("label", { for: "key" }, "API key"), input,
      element("p", { class: "fault", role: "alert" }, fault),
      element("button", { type: "submit", value: "give" }, "Use it in this tab"), " ",
      element("button", { type: "submit", value: "", formnovalidate: true }, "Cancel")));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "give" ? input.value.trim() : "");
    });
  });
}
