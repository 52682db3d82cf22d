// Fill each endpoint's form with its example, send it, and show the answer.
import { described, hasKey, parsed, showFailure } from "./asking.js";
import { shortAnswer, showAnswer } from "./answer.js";
import { FieldError, Form } from "./form.js";
import { History } from "./history.js";
import { offerRequest } from "./request.js";
import { Rows, receiveDrops } from "./rows.js";
import { Snippets } from "./snippets.js";

class Trial {
  constructor(section, operation, openapi) {
    this.result = section.querySelector(".result");
    const { id, dataset } = section;
    this.form = new Form(section.querySelector("form"), operation, openapi, { id, href: dataset.href });
    this.button = section.querySelector("button.predict");
    this.snippets = new Snippets(section.querySelector(".curl"), this.form);
    this.history = new History(section.querySelector(".history"), dataset.path, (json) => this.form.restore(json));
    this.form.form.addEventListener("submit", (event) => this.#submit(event));
    for (const word of ["input", "change"]) this.form.form.addEventListener(word, () => this.snippets.show());
    this.rows = this.form.isFlat ? new Rows(section.querySelector(".rows"), this.form) : null;
    this.button.disabled = false; // before now it would have the browser load the page anew
  }

  async #submit(event) {
    event.preventDefault();
    const wasKeyed = hasKey();
    this.form.calm();
    this.result.replaceChildren();
    this.button.disabled = true;
    try {
      const { json } = await this.form.content();
      const said = await this.form.send();
      await showAnswer(this.result, said);
      this.history.add({ json, answer: shortAnswer(said), ok: said.ok, milliseconds: said.milliseconds });
      if (!said.ok) this.form.complain(parsed(said.text));
      if (hasKey() !== wasKeyed) this.snippets.show();
    } catch (error) {
      if (error instanceof FieldError) error.field.complain(error.message);
      else showFailure(this.result, error);
    } finally {
      this.button.disabled = false;
      this.form.focusOnFault();
    }
  }
}

const anyRequest = document.querySelector("#request");
if (anyRequest) offerRequest(anyRequest);
try {
  const openapi = await described();
  const sections = [...document.querySelectorAll("section[data-path]")];
  const trials = sections.map((section) => new Trial(section, openapi.paths[section.dataset.path]?.post, openapi));
  receiveDrops(trials.map((trial) => trial.rows).filter(Boolean));
} catch (error) {
  for (const place of document.querySelectorAll(".result")) showFailure(place, error);
}
