/**
 * The panel of lessons: a lesson plays a session step by step on the running herd.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./types.js").Lesson} Lesson
 */

import { post } from "./api.js";
import { byId, element, setText, whyNot } from "./dom.js";

/** How long "Play" waits between two steps. */
const STEP_MS = 1500;

/** Whether the panel is beside the herd, and scrolls by itself. */
const isBeside = matchMedia("(min-width: 1100px)");

export class Lessons {
  /** @type {Lesson | null} */
  #lesson = null;
  #shown = "";
  #plays = false;
  #busy = false;

  /**
   * @param {Herd} herd
   * @param {() => void} emptied called when a lesson has emptied the herd
   */
  constructor(herd, emptied) {
    this.herd = herd;
    this.emptied = emptied;
    this.note = element("p", { class: "outcome", role: "status" });
    this.body = element("div", { class: "lesson-body" });
    byId("panel-lessons").replaceChildren(this.body, this.note);
    this.#draw();
  }

  /** @param {Lesson | null} lesson as the herd's state says */
  show(lesson) {
    if (this.#busy) return;
    this.#take(lesson);
  }

  /** @param {Lesson | null} lesson */
  #take(lesson) {
    this.#lesson = lesson;
    const now = JSON.stringify([lesson, this.#plays, this.#busy]);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#draw();
  }

  #draw() {
    const focused = document.activeElement?.textContent ?? "";
    const hadFocus = this.body.contains(document.activeElement);
    this.body.replaceChildren(...(this.#lesson ? this.#running(this.#lesson) : this.#list()));
    if (hadFocus) {
      const buttons = [...this.body.querySelectorAll("button")];
      (buttons.find((button) => button.textContent === focused && !button.disabled) ?? buttons.find((button) => !button.disabled))?.focus();
    }
    const current = this.body.querySelector("[aria-current]") ?? this.body.querySelector(".steps")?.lastElementChild;
    // On a narrow page this would scroll the herd away.
    if (current && isBeside.matches) current.scrollIntoView({ block: "nearest" });
  }

  #list() {
    const lessons = this.herd.harness?.lessons ?? [];
    return [
      ...whyNot(this.herd),
      element("p", { class: "quiet" }, "A lesson plays a session on this herd, step by step, and shows the rule behind it."),
      element("ul", { class: "lessons", "aria-label": "Lessons" }, ...lessons.map(({ name, title, rule }) => element("li", {},
        element("button", { type: "button", disabled: !this.herd.may_act, onclick: () => this.#confirm(name, title) }, title),
        element("p", { class: "quiet" }, rule)))),
    ];
  }

  /** @param {Lesson} lesson */
  #running({ title, rule, steps, position, state, error }) {
    const ended = state === "done" || state === "failed";
    const may = this.herd.may_act && !this.#busy;
    const words = {
      waiting: `Step ${position + 1} of ${steps.length} is next`,
      playing: `Step ${position + 1} of ${steps.length} is being played`,
      done: "The lesson is over",
      failed: `The lesson failed: ${error ?? "no reason was given"}`,
    }[state];
    return [
      element("div", { class: "lesson-head" },
        element("h3", { class: "lesson-title" }, title),
        element("p", { class: "rule" }, rule),
        element("p", { class: state === "failed" ? "bad" : "quiet", role: "status" }, words),
        element("div", { class: "row" },
          element("button", { type: "button", class: "main", disabled: !may || ended || this.#plays, onclick: () => this.#next() }, "Next step"),
          element("button", { type: "button", disabled: !this.herd.may_act || ended, onclick: () => this.#play() }, this.#plays ? "Hold" : "Play"),
          element("button", { type: "button", disabled: !this.herd.may_act, onclick: () => this.#stop() }, ended ? "Back to the lessons" : "Stop"))),
      element("ol", { class: "steps", "aria-label": "Steps" }, ...steps.map((step, index) => element("li", {
        class: index < position ? "played" : null,
        "aria-current": index === position && !ended ? "step" : null,
      }, element("code", {}, step.text), step.transcript.length > 0 ? element("pre", {}, step.transcript.join("\n")) : null))),
    ];
  }

  /** Asks before the herd is emptied. @param {string} name @param {string} title */
  #confirm(name, title) {
    const dialog = element("dialog", { "aria-labelledby": "confirm-title" },
      element("h2", { id: "confirm-title" }, `Start “${title}”?`),
      element("p", {}, "This empties the herd: every node forgets all clients, and dead nodes start again."),
      element("form", { method: "dialog", class: "buttons" },
        element("button", { value: "" }, "Cancel"),
        element("button", { value: "start", class: "main" }, "Empty the herd and start")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue === "start") this.#start(name);
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  /** @param {string} name */
  async #start(name) {
    const path = `/api/lessons/${encodeURIComponent(name)}/start`;
    if (await this.#ask("The herd is being emptied …", path)) this.emptied();
  }

  #next() {
    return this.#ask("", "/api/lesson/next");
  }

  async #play() {
    this.#plays = !this.#plays;
    this.#take(this.#lesson);
    while (this.#plays && this.#lesson && this.#lesson.state === "waiting") {
      if (!(await this.#next())) break;
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    this.#plays = false;
    this.#take(this.#lesson);
  }

  async #stop() {
    this.#plays = false;
    await this.#ask("", "/api/lesson/stop");
    this.#take(null);
  }

  /**
   * Asks the server, and shows the lesson that it answers.
   *
   * @param {string} meanwhile
   * @param {string} path
   * @returns {Promise<boolean>} whether it did what it was asked
   */
  async #ask(meanwhile, path) {
    setText(this.note, meanwhile);
    this.#busy = true;
    this.#take(this.#lesson && { ...this.#lesson, state: "playing" });
    try {
      const lesson = await post(path);
      this.#busy = false;
      this.#take(lesson);
      setText(this.note, "");
      return true;
    } catch (error) {
      this.#busy = false;
      this.#take(this.#lesson && { ...this.#lesson, state: "waiting" });
      setText(this.note, error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}
