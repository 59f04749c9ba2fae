/* An answer that the definition marks as dangerous is red at once, and asks to be saved.

   [data-dangers]          lists them; [data-danger-of]: one of them, by item; [data-danger-ask]: asks to save, with a button
   Which answers are dangerous is the server's word: it comes with its answer while the form is filled in (trialmgr.js),
   and stands on the page where there is no script. */
(function () {
  "use strict";

  const form = document.getElementById("entry");
  const list = form && form.querySelector("[data-dangers]");
  if (!list) return;

  // At the question too, where the eyes are. The list is read out; this is for seeing.
  function mark(found) {
    form.querySelectorAll(".tm-danger__here").forEach((text) => text.remove());
    Object.entries(found).forEach(([key, told]) => {
      const block = form.querySelector(`[data-item="${key}"]`);
      if (!block) return;
      const text = document.createElement("p");
      text.className = "tm-danger__here";
      text.setAttribute("aria-hidden", "true");
      text.textContent = told.message;
      block.append(text);
    });
  }

  function line(key, told) {
    const one = document.createElement("li");
    const label = document.createElement("strong");
    one.dataset.dangerOf = key;
    label.textContent = told.label;
    one.append(label, `: ${told.message}`);
    return one;
  }

  function show(found) {
    const lines = list.querySelector("ul");
    const isNew = Object.keys(found).join(" ") !== Array.from(lines.children, (one) => one.dataset.dangerOf).join(" ");
    if (isNew) lines.replaceChildren(...Object.entries(found).map(([key, told]) => line(key, told)));
    list.hidden = Object.keys(found).length === 0;
    list.querySelector("[data-danger-ask]").hidden = false; // the server was asked, so something was typed
    mark(found);
  }

  function stand() {
    const found = {};
    list.querySelectorAll("[data-danger-of]").forEach((one) => {
      const label = one.querySelector("strong").textContent;
      found[one.dataset.dangerOf] = { label, message: one.textContent.slice(label.length + 2) };
    });
    mark(found);
  }

  form.addEventListener("trialmgr:answer", (event) => show(event.detail.dangers || {}));
  stand();
})();
