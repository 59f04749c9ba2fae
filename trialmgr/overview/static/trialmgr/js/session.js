/* Says before the idle sign-out that it comes, with one press to stay; afterwards, how to come back.

   [data-session]          the dialog; data-session-seconds: how long a session lasts, data-session-url: where to look
                           how long is left (GET) and to stay (POST)
   Other tabs of this person put the sign-out off too, so the server is asked before anything is said. */
(function () {
  "use strict";

  const WARN_BEFORE_S = 120;
  const LOOK_AGAIN_S = 20;

  const dialog = document.querySelector("[data-session]");
  if (!dialog) return;
  const stay = dialog.querySelector("[data-session-stay]");
  const again = dialog.querySelector("[data-session-again]");
  let waiting = 0;

  function lookIn(seconds) {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(look, Math.max(seconds, 1) * 1000);
  }

  async function left(method) {
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    const headers = method === "POST" && token ? { "X-CSRFToken": token.value } : {};
    const reply = await fetch(dialog.dataset.sessionUrl, { method, headers, redirect: "error" });
    if (!reply.ok) throw new Error(String(reply.status));
    return (await reply.json()).left;
  }

  function follow(seconds) {
    if (seconds > WARN_BEFORE_S) {
      dialog.close();
      lookIn(seconds - WARN_BEFORE_S);
    } else {
      if (seconds <= 0) tellItEnded();
      if (!dialog.open) dialog.showModal();
      lookIn(seconds > 0 ? Math.min(seconds, LOOK_AGAIN_S) : LOOK_AGAIN_S);
    }
  }

  function tellItEnded() {
    const text = dialog.querySelector("[data-session-text]");
    if (text.textContent === text.dataset.sessionEnded) return;
    text.textContent = text.dataset.sessionEnded;
    stay.hidden = true;
    again.hidden = false;
    if (dialog.open) again.focus();
  }

  async function look() {
    try {
      follow(await left("GET"));
    } catch {
      lookIn(LOOK_AGAIN_S); // no connection: there is nothing to say about the session
    }
  }

  async function onStay() {
    try {
      follow(await left("POST"));
    } catch {
      look();
    }
  }

  stay.addEventListener("click", onStay);
  document.addEventListener("trialmgr:signed-out", look); // found out by a page that kept what is typed
  again.addEventListener("click", () => {
    // What is typed is kept: the browser need not ask whether to leave it.
    document.querySelectorAll("[data-warn-unsaved]").forEach((form) => form.removeAttribute("data-warn-unsaved"));
  });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault(); // Escape stays as well: whoever presses a key is there
    if (!stay.hidden) onStay();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look(); // a computer that slept has not counted
  });
  lookIn(Number(dialog.dataset.sessionSeconds) - WARN_BEFORE_S);
})();
