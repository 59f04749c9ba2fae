/* Small comforts. Every page works without this file.

   [data-error-summary]                  takes the focus when the page, or a part of it, comes in with errors
   form[data-live-url]                   asks the server, while it is filled in, which questions apply ([data-item])
                                        and what is calculated; boxes of questions that do not apply are not sent
   [data-not-asked]                      does not apply as the page comes in
   [data-show-when-name][data-show-when-value]  shows or hides the question at once where its rule is that answer (one
                                        of these codes); where there is a server, that has the last word
   [data-news]                           says which questions came and went; what else the server answered goes to
                                        forms.js by the event trialmgr:answer
   form[method=post]                     is sent once; a second press within three seconds does nothing
   form[data-warn-unsaved]               asks before a changed form is left
   input[data-with-script]               is sent only where this file runs */
(function () {
  "use strict";

  const RESEND_AFTER_MS = 3000;
  const ASK_AFTER_MS = 300; // without a key
  const ANSWER_WITHIN_MS = 15000;

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

  function setSent(block, sent) {
    block.querySelectorAll("input, select, textarea").forEach((box) => {
      box.disabled = !sent;
    });
  }

  // Whether the block was turned round.
  function setShown(block, shown) {
    const turned = block.hidden === shown;
    block.hidden = !shown;
    setSent(block, shown);
    return turned;
  }

  // Rules look back only, so one pass from top to bottom also reaches what hangs on a question that came or went.
  function refreshConditions(form, changed) {
    return Array.from(form.querySelectorAll("[data-show-when-name]")).filter((block) => {
      if (!changed.has(block.dataset.showWhenName)) return false;
      const wanted = block.dataset.showWhenValue.split(" ");
      const turned = setShown(block, isWanted(answersTo(form, block.dataset.showWhenName), wanted));
      if (turned) block.querySelectorAll("[name]").forEach((box) => changed.add(box.name));
      return turned;
    });
  }

  function titleOf(block) {
    return block.querySelector(".tm-label").textContent.trim();
  }

  function tellTurned(form, turned) {
    const news = form.querySelector("[data-news]");
    if (!news || turned.length === 0) return;
    const shown = turned.filter((block) => !block.hidden).map(titleOf);
    const hidden = turned.filter((block) => block.hidden).map(titleOf);
    news.textContent = [
      shown.length ? `${news.dataset.newsShown} ${shown.join("; ")}.` : "",
      hidden.length ? `${news.dataset.newsHidden} ${hidden.join("; ")}.` : "",
    ].join(" ");
  }

  // A question that goes while somebody is in it hands the focus to the next box; the button to save is always one.
  function keepFocus(form, held) {
    const block = held && held.closest("[data-item][hidden]");
    if (!block) return;
    const next = Array.from(form.elements)
      .filter((box) => block.compareDocumentPosition(box) === Node.DOCUMENT_POSITION_FOLLOWING)
      .filter((box) => box.matches("input, select, textarea, button") && !box.closest("details:not([open])"))
      .find((box) => !box.disabled && box.getClientRects().length > 0);
    if (next) next.focus();
  }

  // --- asking the server ----------------------------------------------------------------------------------------------

  // Each form with an address to ask: what the server has answered, the pause before the next asking, and whether one
  // is under way. A form is unsettled from a change until the answer to it.
  const asking = new WeakMap();

  // Hidden boxes go along: the server passes over what does not apply, and what comes back may come with its answer.
  function boxesOf(form) {
    const sent = new URLSearchParams();
    Array.from(form.elements)
      .filter((box) => /^(item|missing|clear)\./.test(box.name) && box.type !== "file")
      .filter((box) => !/^(radio|checkbox)$/.test(box.type) || box.checked)
      .forEach((box) => sent.append(box.name, box.value));
    return sent.toString();
  }

  async function answerTo(form, boxes) {
    try {
      const reply = await fetch(form.dataset.liveUrl, {
        method: "POST",
        headers: {
          "Content-Type": "application/x-www-form-urlencoded",
          "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
        },
        body: boxes,
        redirect: "error",
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      return reply.ok ? await reply.json() : null;
    } catch {
      return null; // nobody there: the form stays as it is, and saving says what is wrong
    }
  }

  function showAnswer(form, answer) {
    const held = document.activeElement;
    const block = (key) => form.querySelector(`[data-item="${key}"]`);
    const known = (part) => Object.entries(part).filter(([key]) => block(key));
    const turned = known(answer.asked).filter(([key, asked]) => setShown(block(key), asked));
    known(answer.derived).forEach(([key, words]) => {
      block(key).querySelector("output").textContent = words || "–";
    });
    tellTurned(form, turned.map(([key]) => block(key)));
    form.dispatchEvent(new CustomEvent("trialmgr:answer", { detail: answer }));
    keepFocus(form, held);
    form.dispatchEvent(new CustomEvent("trialmgr:answer", { bubbles: true, detail: answer }));
  }

  async function ask(form) {
    const state = asking.get(form);
    state.pause = 0;
    if (state.underWay) return; // whose answer will be out of date, and is then asked for again
    const boxes = boxesOf(form);
    const isNew = boxes !== state.answered;
    state.underWay = true;
    const answer = isNew ? await answerTo(form, boxes) : null;
    state.underWay = false;
    if (boxes !== boxesOf(form)) {
      if (!state.pause) ask(form);
      return;
    }
    if (answer) {
      state.answered = boxes;
      showAnswer(form, answer);
    }
    if (answer || !isNew) form.removeAttribute("data-unsettled");
  }

  function askSoon(form, state, pause) {
    form.dataset.unsettled = "";
    window.clearTimeout(state.pause);
    state.pause = window.setTimeout(ask, pause, form);
  }

  function onEdit(event) {
    const form = event.target.form;
    if (!form) return;
    const turned = refreshConditions(form, new Set([event.target.name]));
    tellTurned(form, turned);
    const state = asking.get(form);
    if (!state) return;
    if (turned.length > 0) state.answered = null; // the page no longer shows what was answered
    askSoon(form, state, event.type === "change" ? 0 : ASK_AFTER_MS);
  }

  function prepareQuestions(form) {
    if (!form.dataset.liveUrl) {
      refreshConditions(form, new Set(Array.from(form.elements, (box) => box.name)));
      return;
    }
    form.querySelectorAll("[data-not-asked]").forEach((block) => setShown(block, false));
    asking.set(form, { answered: boxesOf(form), pause: 0, underWay: false });
  }

  function contentOf(form) {
    return new URLSearchParams(
      Array.from(new FormData(form)).filter(([, value]) => typeof value === "string"),
    ).toString();
  }

  const contentAtStart = new WeakMap();

  function prepare(root) {
    root.querySelectorAll("form").forEach(prepareQuestions);
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
    // Sent before the answer came: what may have come to apply goes along, and the server decides.
    if ("unsettled" in form.dataset) form.querySelectorAll("[data-item]").forEach((block) => setSent(block, true));
  }

  function onBeforeUnload(event) {
    // Sending another form, as the choice of language and signing out do, leaves a changed one behind.
    const left = Array.from(document.querySelectorAll("form[data-warn-unsaved]:not([data-sent-at])"));
    if (left.some(isChanged)) event.preventDefault();
  }

  function forgetSending() {
    document.querySelectorAll("form[data-sent-at]").forEach((form) => form.removeAttribute("data-sent-at"));
  }

  document.addEventListener("click", onErrorLink);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("input", onEdit);
  document.addEventListener("change", onEdit);
  document.addEventListener("htmx:load", (event) => {
    if (event.target !== document.body) prepare(event.target);
  });
  document.addEventListener("htmx:afterRequest", forgetSending);
  window.addEventListener("beforeunload", onBeforeUnload);
  window.addEventListener("pageshow", forgetSending);

  prepare(document);
})();
