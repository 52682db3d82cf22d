// Fetch what was asked for with the key of this tab, and show it in the place of this page.
const main = document.querySelector("main");
const button = document.querySelector("button");
const LIKED = "text/html,application/xhtml+xml,*/*;q=0.8";

async function enter() {
  button.hidden = true;
  try {
    if (!hasKey() && !await takeKey()) return;
    const asked = location.pathname + location.search;
    const answer = await reached(asked, { headers: { accept: LIKED }, cache: "no-store" });
    if (!wantsKey(answer)) await show(answer);
  } catch (error) {
    main.querySelector(".fault").textContent = `The service could not be asked: ${error.message}`;
  } finally {
    button.hidden = false;
  }
}

async function show(answer) {
  const kind = answer.headers.get("content-type") ?? "";
  if (answer.redirected) history.replaceState(null, "", answer.url);
  if (/^(text\/|application\/([\w.+-]*\+)?(json|xml))/i.test(kind)) {
    const charset = /charset="?([\w-]+)/i.exec(kind)?.[1] ?? "utf-8";
    const text = new TextDecoder(charset).decode(await answer.arrayBuffer());
    if (/^(text\/html|application\/xhtml\+xml)/i.test(kind)) replacePage(text);
    else main.replaceChildren(element("pre", { tabindex: "0" }, text));
    return;
  }
  const name = location.pathname.split("/").pop() || "answer";
  const url = URL.createObjectURL(await answer.blob());
  main.replaceChildren(element("a", { href: url, download: name }, `Save ${name}`));
}

// The page keeps this one's address and policy.
function replacePage(text) {
  document.open();
  document.write(text);
  document.close();
}

button.addEventListener("click", enter);
await enter();
