/* Small comforts. Every page works without this file.

   [data-error-summary]                  takes the focus when the page, or a part of it, comes in with errors
   [data-show-when-name][data-show-when-value]  stands only while that answer (one of these codes) is given;
                                        hidden boxes are not sent
   form[method=post]                     is sent once; a second press within three seconds does nothing
   form[data-warn-unsaved]               asks before a changed form is left
   input[data-with-script]               is sent only where this file runs */
(function () {
  "use strict";

  const RESEND_AFTER_MS = 3000;

  function focusErrorSummary(root) {
    const summary = root.querySelector("[data-error-summary]");
    if (summary) summary.focus();
  }

  function onErrorLink(event) {
    const link = event.target.closest("[data-error-summary] a[href^='#']");
    if (!link) return;
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    const closed = target.closest("details:not([open])");
    if (closed) closed.open = true;
    const heading = target.closest("fieldset, .tm-field") || target;
    heading.scrollIntoView();
    target.focus({ preventScroll: true });
  }

  function answersTo(form, name) {
    return Array.from(form.elements)
      .filter((element) => element.name === name && !element.disabled)
      .filter((element) => !/^(radio|checkbox)$/.test(element.type) || element.checked)
      .map((element) => element.value.trim())
      .filter((answer) => answer !== "" && !answer.startsWith("missing:"));
  }

  // "*" asks for any answer, "!" for none; everything else is a code.
  function isWanted(answers, wanted) {
    if (wanted.includes("*")) return answers.length > 0;
    if (wanted.includes("!")) return answers.length === 0;
    return answers.some((answer) => wanted.includes(answer));
  }

  function setShown(block, shown) {
    block.hidden = !shown;
    block.querySelectorAll("input, select, textarea").forEach((box) => {
      box.disabled = !shown;
    });
  }

  function refreshConditions(form) {
    form.querySelectorAll("[data-show-when-name]").forEach((block) => {
      const wanted = block.dataset.showWhenValue.split(" ");
      setShown(block, isWanted(answersTo(form, block.dataset.showWhenName), wanted));
    });
  }

  function contentOf(form) {
    return new URLSearchParams(
      Array.from(new FormData(form)).filter(([, value]) => typeof value === "string"),
    ).toString();
  }

  const contentAtStart = new WeakMap();

  function prepare(root) {
    root.querySelectorAll("form").forEach(refreshConditions);
    root.querySelectorAll("input[data-with-script]").forEach((box) => {
      box.disabled = false;
    });
    root.querySelectorAll("form[data-warn-unsaved]").forEach((form) => contentAtStart.set(form, contentOf(form)));
    focusErrorSummary(root);
  }

  function isChanged(form) {
    // A form that came back with errors holds typed values that are nowhere saved.
    return form.dataset.warnUnsaved === "changed" || contentOf(form) !== contentAtStart.get(form);
  }

  function onSubmit(event) {
    const form = event.target;
    if (form.method !== "post") return;
    const sentAt = Number(form.dataset.sentAt || 0);
    if (Date.now() - sentAt < RESEND_AFTER_MS) {
      event.preventDefault();
      return;
    }
    form.dataset.sentAt = String(Date.now());
  }

  function onBeforeUnload(event) {
    const leaving = document.querySelector("form[data-sent-at]") !== null;
    const changed = Array.from(document.querySelectorAll("form[data-warn-unsaved]")).some(isChanged);
    if (changed && !leaving) event.preventDefault();
  }

  function forgetSending() {
    document.querySelectorAll("form[data-sent-at]").forEach((form) => form.removeAttribute("data-sent-at"));
  }

  document.addEventListener("click", onErrorLink);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("input", (event) => {
    if (event.target.form) refreshConditions(event.target.form);
  });
  document.addEventListener("htmx:load", (event) => {
    if (event.target !== document.body) prepare(event.target);
  });
  document.addEventListener("htmx:afterRequest", forgetSending);
  window.addEventListener("beforeunload", onBeforeUnload);
  window.addEventListener("pageshow", forgetSending);

  prepare(document);
})();
