// Keeps true what is live of a page, and shows times in the reader's own zone.

const PATIENCE = 10_000;
const silence = document.getElementById("silence");

function showTimes(within) {
  for (const each of within.querySelectorAll("time[datetime]")) {
    const when = new Date(each.dateTime);
    if (isNaN(when)) continue;
    const isToday = when.toDateString() === new Date().toDateString();
    each.title = each.dateTime;
    each.textContent = isToday ? when.toLocaleTimeString() : when.toLocaleString();
  }
}

// Puts what the server says now in place of what is shown, and leaves the focus where it was.
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
    const focused = shown.contains(document.activeElement) ? document.activeElement : null;
    shown.replaceWith(document.adoptNode(now));
    if (focused?.id) document.getElementById(focused.id)?.focus();
    else if (focused?.matches("details[id] > summary")) {
      document.getElementById(focused.parentElement.id)?.querySelector("summary").focus();
    }
  }
}

async function look() {
  const limit = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(location.href, { cache: "no-store", redirect: "error", signal: limit });
  if (answer.ok) renew(await answer.text());
  return answer.status < 500;
}

async function keepLooking(seconds) {
  for (;;) {
    await new Promise((done) => setTimeout(done, seconds * 1000));
    if (document.hidden) continue;
    silence.hidden = await look().catch(() => false);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-opens], dialog button[data-closes]");
  if (button?.dataset.opens) document.getElementById(button.dataset.opens).showModal();
  else button?.closest("dialog").close();
});
showTimes(document);
const every = Number(document.body.dataset.every);
if (every > 0) keepLooking(every);
