// Send any request to the app at whose side this page stands, and show what it says.
import { JSON_TYPE, ask, parsed, showFailure } from "./asking.js";
import { showAnswer } from "./answer.js";

export function offerRequest(section) {
  const form = section.querySelector("form");
  const result = section.querySelector(".result");
  const [method, path, body] = ["method", "path", "body"].map((name) => section.querySelector(`#request-${name}`));
  const showBody = () => { body.closest(".field").hidden = method.value === "GET"; };
  method.addEventListener("change", showBody);
  showBody();
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    result.replaceChildren();
    try {
      const text = method.value === "GET" || body.value === "" ? undefined : body.value;
      const kind = text === undefined ? undefined : parsed(text) === undefined ? "text/plain" : JSON_TYPE;
      await showAnswer(result, await ask(method.value, appUrl(path.value), text, kind));
    } catch (error) {
      showFailure(result, error);
    } finally {
      button.disabled = false;
    }
  });
  button.disabled = false; // before now it would have the browser load the page anew
}

// Only the app itself is asked: a path with a host in it is a path all the same.
function appUrl(path) {
  const base = new URL("..", document.baseURI);
  return base.pathname.replace(/\/$/, "") + path.replace(/^\/*/, "/");
}
