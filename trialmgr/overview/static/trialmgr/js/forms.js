/* Filling in a form of the study by keyboard, and what is said of an answer when its box is left. The page works
   without this file.

   form[data-keyboard]           a digit (y, j or n for yes and no) answers a question with radio buttons and goes on;
                                 Enter goes to the next box; / opens the reason for no value; Ctrl + Enter saves
   form[data-keyboard="begin"]   nothing is entered yet: the first box takes the focus
   [data-keyboard-help]          says so
   [data-onwards]                the button that Ctrl + Enter presses
   [data-said]                   tells a screen reader what the server says of an answer
   [data-total], [data-wanting]  the score, and what is wanting, as the server answers (see trialmgr.js) */
(function () {
  "use strict";

  const SECOND_DIGIT_MS = 700;
  const YES_NO = { y: "yes", j: "yes", n: "no" };
  const ISO_DAY = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
  const DUTCH_DAY = /^(\d{1,2})[-. ](\d{1,2})[-. ](\d{4})$/;

  const isOneOfMany = (box) => box.type === "radio" || box.type === "checkbox";
  const isTyped = (box) => box.matches("textarea, input:not([type=radio], [type=checkbox], [type=file])");
  const blockOf = (box) => box.closest("[data-item]");

  // The boxes that somebody goes through, from top to bottom; of radio buttons and tick boxes one a question.
  function stopsOf(form) {
    const met = new Set();
    return Array.from(form.elements).filter((box) => {
      if (!box.matches("input, select, textarea") || box.disabled || box.type === "hidden") return false;
      if (box.closest("details") || box.getClientRects().length === 0) return false;
      if (!isOneOfMany(box)) return true;
      const isFirst = !met.has(box.name);
      met.add(box.name);
      return isFirst;
    });
  }

  function take(stop) {
    const chosen = isOneOfMany(stop) && stop.form.querySelector(`input[name="${CSS.escape(stop.name)}"]:checked`);
    (chosen && !chosen.closest("details:not([open])") ? chosen : stop).focus();
  }

  // Also where boxes and buttons stand outside the form to which they belong, as those of a query do.
  function onwards(form) {
    const buttons = Array.from(form.elements).filter((one) => one.matches("button[type=submit]"));
    return buttons.find((button) => button.matches("[data-onwards]")) || buttons[0];
  }

  function goOn(box) {
    const stops = stopsOf(box.form);
    const block = box.closest("details") && blockOf(box);
    const isHere = (stop) => (block ? block.contains(stop) : stop === box || (isOneOfMany(box) && stop.name === box.name));
    const next = stops[stops.findLastIndex(isHere) + 1];
    if (next) take(next);
    else if (onwards(box.form)) onwards(box.form).focus();
  }

  // --- keys -----------------------------------------------------------------------------------------------------------

  const typed = { name: "", text: "", pause: 0 };

  function choose(radio) {
    radio.checked = true;
    radio.dispatchEvent(new Event("input", { bubbles: true }));
    radio.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // Whether the key was an answer. Where 1 may become 10, it waits for a second digit before it goes on.
  function answerBy(key, box) {
    const radios = Array.from(box.form.elements).filter((one) => one.name === box.name);
    const coded = (code) => radios.find((radio) => radio.value === code);
    const begun = typed.name === box.name && typed.pause ? typed.text : "";
    window.clearTimeout(typed.pause);
    typed.pause = 0;
    const text = [begun + key, key].find((code) => coded(code));
    const chosen = text ? coded(text) : coded(YES_NO[key.toLowerCase()]);
    if (!chosen) return false;
    choose(chosen);
    if (text && radios.some((radio) => radio.value !== text && radio.value.startsWith(text))) {
      chosen.focus();
      Object.assign(typed, { name: box.name, text, pause: window.setTimeout(goOn, SECOND_DIGIT_MS, chosen) });
    } else {
      goOn(chosen);
    }
    return true;
  }

  // Whether there is a reason to give, or one to leave again.
  function turnToReason(box) {
    const reason = blockOf(box) && blockOf(box).querySelector("details.tm-reason");
    if (!reason) return false;
    reason.open = !reason.contains(box);
    if (reason.open) reason.querySelector("input, select").focus();
    else take(stopsOf(box.form).find((stop) => blockOf(box).contains(stop)));
    return true;
  }

  function isPressed(event, box) {
    if (event.key === "Enter") {
      if (box.matches("textarea, [type=file]")) return false;
      goOn(box);
      return true;
    }
    if (event.key === "/" && !(isTyped(box) && box.value)) return turnToReason(box);
    return event.key.length === 1 && box.type === "radio" && answerBy(event.key, box);
  }

  function onKey(event) {
    const form = event.target.form || event.target.closest("form");
    if (!form || !form.matches("[data-keyboard]") || event.isComposing || event.altKey) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== "Enter" || !onwards(form)) return;
      event.preventDefault();
      form.requestSubmit(onwards(form));
    } else if (event.target.matches("input, select, textarea") && isPressed(event, event.target)) {
      event.preventDefault();
    }
  }

  // A date that is pasted whole is spread over its three boxes, if it can be read in one way; else the server says so.
  function onPaste(event) {
    const boxes = event.target.closest(".tm-date")?.querySelectorAll("input");
    if (!boxes) return;
    const text = event.clipboardData.getData("text").trim();
    const iso = ISO_DAY.exec(text);
    const found = iso ? [iso[3], iso[2], iso[1]] : DUTCH_DAY.exec(text)?.slice(1);
    if (!found) return;
    event.preventDefault();
    boxes.forEach((box, place) => {
      box.value = found[place];
    });
    boxes[2].focus();
    boxes[2].dispatchEvent(new Event("input", { bubbles: true }));
  }

  // --- what the server says -------------------------------------------------------------------------------------------

  const answers = new WeakMap();

  function describe(block, id, isSaid) {
    block.querySelectorAll("[role=radiogroup], [role=group], .tm-input").forEach((box) => {
      if (box.closest("details")) return;
      const ids = (box.getAttribute("aria-describedby") || "").split(" ").filter((one) => one && one !== id);
      if (isSaid) ids.push(id);
      if (ids.length) box.setAttribute("aria-describedby", ids.join(" "));
      else box.removeAttribute("aria-describedby");
    });
  }

  // Whether something new stands at the question.
  function sayAt(block, text, isRefused) {
    const error = block.querySelector(".tm-error-message");
    if (error && !block.querySelector("[type=file]")) error.remove();
    block.classList.toggle("tm-field--error", isRefused);
    block.querySelectorAll(".tm-input").forEach((box) => box.toggleAttribute("aria-invalid", false));
    if (isRefused) block.querySelectorAll(".tm-input").forEach((box) => box.setAttribute("aria-invalid", "true"));
    let place = block.querySelector(".tm-said");
    const before = place ? place.textContent : "";
    if (!place && text) {
      place = document.createElement("p");
      place.id = `said-${block.dataset.item}`;
      block.querySelector(".tm-line__box").append(place);
    }
    if (place) {
      place.className = `tm-said${isRefused ? " tm-said--refuses" : ""}`;
      place.textContent = text;
      place.hidden = !text;
      describe(block, place.id, Boolean(text));
    }
    return text !== "" && text !== before;
  }

  function say(form) {
    const answer = answers.get(form);
    if (!answer) return;
    const held = document.activeElement;
    const told = [];
    form.querySelectorAll("[data-item]").forEach((block) => {
      if (block.contains(held) && isTyped(held)) return; // not while somebody types
      const refused = answer.refused[block.dataset.item];
      const text = refused || answer.queried[block.dataset.item] || "";
      if (sayAt(block, text, Boolean(refused))) told.push(text);
    });
    if (told.length) form.querySelector("[data-said]").textContent = told.join(" ");
  }

  function onAnswer(event) {
    const form = event.target;
    const answer = event.detail;
    answers.set(form, answer);
    form.querySelectorAll("[data-total]").forEach((output) => {
      output.textContent = answer.derived[output.dataset.total] || "–";
    });
    form.querySelectorAll("[data-wanting]").forEach((link) => {
      const block = form.querySelector(`[data-item="${answer.wanting.first}"]`);
      const stop = block && stopsOf(form).find((one) => block.contains(one));
      link.textContent = answer.wanting.words;
      if (stop) link.href = `#${stop.id}`;
      else link.removeAttribute("href");
    });
    say(form);
  }

  function onLeave(event) {
    const form = event.target.form;
    if (form && answers.has(form)) window.setTimeout(say, 0, form);
  }

  function onWantingLink(event) {
    const link = event.target.closest("[data-wanting][href]");
    const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    target.focus();
  }

  function prepare(form) {
    // Their key is named on the page, and they stay within reach of mouse and touch.
    form.querySelectorAll("details.tm-reason > summary").forEach((summary) => {
      summary.tabIndex = -1;
    });
    const [first] = stopsOf(form);
    if (form.dataset.keyboard === "begin" && first && document.activeElement === document.body) take(first);
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("paste", onPaste);
  document.addEventListener("focusout", onLeave);
  document.addEventListener("click", onWantingLink);
  document.addEventListener("trialmgr:answer", onAnswer);
  document.querySelectorAll("[data-keyboard-help]").forEach((help) => {
    help.hidden = false;
  });
  document.querySelectorAll("form[data-keyboard]").forEach(prepare);
})();
