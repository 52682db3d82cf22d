// Keeps true what is live of a page, and shows times in the reader's own zone.

const PATIENCE = 10_000;
const silence = document.getElementById("silence");
const NO_ANSWER = "The cockpit does not answer. Is it still running?";
const REFUSED = {
  401: "The cockpit does not know you any more: it was started anew. Load this page again to sign in.",
  404: "What this page shows is not there any more.",
};

function showTimes(within) {
  for (const each of within.querySelectorAll("time[datetime]")) {
    const when = new Date(each.dateTime);
    if (isNaN(when)) continue;
    const isToday = when.toDateString() === new Date().toDateString();
    each.title = each.dateTime;
    each.textContent = isToday ? when.toLocaleTimeString() : when.toLocaleString();
  }
}

// Puts what the server says now in place of what is shown, but of nothing that has the focus: between
// two keys of a reader it must stay the same element.
export function renew(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  showTimes(page);
  for (const shown of document.querySelectorAll("[data-live][id]")) {
    const now = page.getElementById(shown.id);
    if (!now || shown.querySelector("dialog[open]")) continue;
    for (const each of shown.querySelectorAll("details[open][id]")) {
      now.querySelector(`#${CSS.escape(each.id)}`)?.setAttribute("open", "");
    }
    if (now.isEqualNode(shown)) continue;
    for (const each of shown.querySelectorAll("input:checked[id]")) {
      now.querySelector(`#${CSS.escape(each.id)}`)?.setAttribute("checked", "");
    }
    const focused = document.activeElement;
    if (!shown.contains(focused)) shown.replaceWith(document.adoptNode(now));
    else if (selectorOf(focused)) putAround(focused, shown, now);
  }
}

// Says how to find an element again; empty if it cannot be: then its part is renewed later.
function selectorOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const isNamed = element.matches("details[id] > summary");
  return isNamed ? `#${CSS.escape(element.parentElement.id)} > summary` : "";
}

function putAround(focused, shown, now) {
  const there = now.querySelector(selectorOf(focused));
  for (let [old, next] = [shown, document.adoptNode(now)]; old !== focused; ) {
    const kept = [...old.children].find((each) => each.contains(focused));
    const like = [...next.children].find((each) => each.contains(there));
    if (!like) { // it is gone, or stands elsewhere
      old.replaceWith(next);
      there?.focus();
      return;
    }
    const nodes = [...next.childNodes];
    const place = nodes.indexOf(like);
    for (const each of [...old.childNodes]) if (each !== kept) each.remove();
    kept.before(...nodes.slice(0, place));
    kept.after(...nodes.slice(place + 1));
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) old.setAttribute(name, value);
    [old, next] = [kept, like];
  }
}

async function look() {
  const limit = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(location.href, { cache: "no-store", redirect: "error", signal: limit });
  if (answer.ok) renew(await answer.text());
  return answer.ok ? "" : REFUSED[answer.status] ?? NO_ANSWER;
}

async function keepLooking(seconds) {
  for (;;) {
    await new Promise((done) => setTimeout(done, seconds * 1000));
    if (document.hidden) continue;
    silence.textContent = await look().catch(() => NO_ANSWER);
    silence.hidden = !silence.textContent;
  }
}

showTimes(document);
const every = Number(document.body.dataset.every);
if (every > 0) keepLooking(every);
