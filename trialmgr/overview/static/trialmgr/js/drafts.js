/* Nothing typed is lost. Every page works without this file.

   [data-draft]            of a page that writes; data-draft-url: where its boxes are kept, every five seconds and when
                           a box is left. The page comes back with them, in whatever browser its author signs in.
   [data-draft-kept], [data-draft-news]   say what is kept, and what is wrong; the second is read out
   [data-person]           a mark by which people are told apart, without who they are
   [data-draft-key-url]    gives the author, and nobody else, the key for copies in this browser

   What cannot be sent (no connection, signed out) is kept in IndexedDB, encrypted with that key, which itself is kept
   nowhere: whoever cannot sign in as its author cannot read it. A copy says neither whose it is nor of which form.
   Copies are sent as soon as that is possible, and wiped when anybody signs out or somebody else signs in. */
(function () {
  "use strict";

  const KEEP_EVERY_MS = 5000;
  const REST_MS = 1000; // between one keeping and the next
  const ANSWER_WITHIN_MS = 10000;
  const KEPT_MS = 7 * 24 * 3600 * 1000;
  const MOST_WHILE_LEAVING = 60000; // characters that a browser still sends for a page that is gone
  const STORE = "trialmgr-drafts";

  const person = document.querySelector("[data-person]");
  if (!person) return;

  // --- who is here, and their key ---------------------------------------------------------------------------------------

  let access = null;

  // "ended" when nobody is signed in any more, null where the server cannot be reached.
  async function askAccess() {
    try {
      const reply = await fetch(person.dataset.draftKeyUrl, { redirect: "manual", signal: inTime() });
      if (reply.type === "opaqueredirect") return "ended";
      if (!reply.ok) return null;
      const told = await reply.json();
      if (told.who !== person.dataset.person) {
        leaveToOther();
        return null;
      }
      const raw = Uint8Array.from(atob(told.key), (character) => character.charCodeAt(0));
      const key = window.isSecureContext
        ? await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"])
        : null;
      document.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach((box) => {
        if (access) box.value = told.csrf; // signed in again in another tab: the token of this page is no more
      });
      access = { key, csrf: told.csrf };
      return access;
    } catch {
      return null;
    }
  }

  // Somebody else has signed in in this browser: this page is no longer to be seen.
  function leaveToOther() {
    document.querySelectorAll("[data-warn-unsaved]").forEach((form) => form.removeAttribute("data-warn-unsaved"));
    window.location.reload();
  }

  function inTime() {
    return AbortSignal.timeout(ANSWER_WITHIN_MS);
  }

  // --- copies in this browser -------------------------------------------------------------------------------------------

  function store() {
    return new Promise((resolve, reject) => {
      const asked = indexedDB.open(STORE, 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("copies", { keyPath: "slot" });
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  }

  // On the disk, as far as a browser can see to that, when the promise is kept.
  async function inStore(mode, act) {
    const database = await store();
    try {
      return await new Promise((resolve, reject) => {
        const work = database.transaction("copies", mode, { durability: "strict" });
        const asked = act(work.objectStore("copies"));
        work.oncomplete = () => resolve(asked.result);
        work.onabort = work.onerror = () => reject(work.error);
      });
    } finally {
      database.close();
    }
  }

  async function keepCopy(copy) {
    if (!access || !access.key) return false;
    try {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const plain = new TextEncoder().encode(JSON.stringify(copy));
      const bound = new TextEncoder().encode(copy.slot);
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bound }, access.key, plain);
      const who = person.dataset.person;
      await inStore("readwrite", (copies) => copies.put({ slot: copy.slot, who, iv, sealed }));
      return true;
    } catch {
      return false; // a browser that keeps nothing; the page says so
    }
  }

  async function readCopy(kept) {
    const bound = new TextEncoder().encode(kept.slot);
    const how = { name: "AES-GCM", iv: kept.iv, additionalData: bound };
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(how, access.key, kept.sealed)));
  }

  async function dropCopy(slot) {
    try {
      await inStore("readwrite", (copies) => copies.delete(slot));
    } catch {
      // there is no store, so no copy
    }
  }

  async function wipeCopies(whose) {
    try {
      const kept = await inStore("readonly", (copies) => copies.getAll());
      for (const copy of kept.filter(whose)) await dropCopy(copy.slot);
    } catch {
      // there is no store, so no copy
    }
  }

  // --- sending ----------------------------------------------------------------------------------------------------------

  // What became of it: "kept", "refused", "ended" (signed out) or "offline", with what the server says.
  async function send(copy, { secondTry = false } = {}) {
    const seconds = Math.round((Date.now() - copy.at) / 1000);
    let reply;
    try {
      reply = await fetch(copy.url, {
        method: "POST",
        headers: {
          "Content-Type": "application/x-www-form-urlencoded",
          "X-CSRFToken": (access && access.csrf) || document.querySelector("input[name=csrfmiddlewaretoken]").value,
        },
        body: `${copy.boxes}&seconds=${seconds}`,
        redirect: "manual",
        keepalive: copy.boxes.length < MOST_WHILE_LEAVING,
        signal: inTime(),
      });
    } catch {
      return { how: "offline" };
    }
    if (reply.type === "opaqueredirect") return { how: "ended" };
    if (reply.ok) return { how: "kept", ...(await reply.json()) };
    if (reply.status === 409) return { how: "refused", ...(await reply.json()) };
    if (reply.status === 403 && !secondTry) {
      const now = await askAccess();
      if (now === "ended") return { how: "ended" };
      return now ? send(copy, { secondTry: true }) : { how: "offline" };
    }
    return reply.status >= 500 ? { how: "offline" } : { how: "refused", refused: String(reply.status) };
  }

  // Copies of pages that are gone; a page that is open sends its own. Gives the addresses that have a draft now.
  async function sendCopies() {
    const sent = [];
    if (!access || !access.key || !navigator.locks) return sent;
    let kept = [];
    try {
      kept = await inStore("readonly", (copies) => copies.getAll());
    } catch {
      return sent;
    }
    for (const copy of kept) {
      await navigator.locks.request(`${STORE}-${copy.slot}`, { ifAvailable: true }, async (free) => {
        if (!free) return;
        const typed = await readCopy(copy);
        const answer = Date.now() - typed.at < KEPT_MS ? await send(typed) : { how: "kept" };
        if (answer.how !== "kept") return;
        await dropCopy(copy.slot);
        sent.push(typed.url);
      });
    }
    return sent;
  }

  // --- the page that writes -----------------------------------------------------------------------------------------------

  const page = document.querySelector("[data-draft]");
  const form = page && document.getElementById("entry");
  const state = { kept: "", refused: null, underWay: null, last: 0, soon: 0, stopped: false, failing: false };

  function contentOf() {
    const content = new URLSearchParams();
    for (const box of form.elements) {
      if (!/^(item|missing|clear)\.|^reason_/.test(box.name) || box.type === "file") continue;
      if (/^(radio|checkbox)$/.test(box.type) && !box.checked) continue;
      content.append(box.name, box.value);
    }
    return content.toString();
  }

  function isKept() {
    const content = contentOf();
    return content === state.kept || content === state.refused;
  }

  function copyOf(content) {
    const about = new URLSearchParams();
    for (const name of ["draft_slot", "draft_taken", "revision"]) about.set(name, form.elements[name].value);
    const slot = form.elements.draft_slot.value;
    return { slot, url: page.dataset.draftUrl, boxes: `${content}&${about}`, at: Date.now() };
  }

  function say(selector, text) {
    const place = document.querySelector(selector);
    if (place && place.textContent !== text) place.textContent = text;
  }

  // Gives what became of it; one at a time, and once more if something was typed meanwhile.
  async function keep() {
    if (state.underWay) await state.underWay;
    if (state.underWay || isKept()) return state.underWay || "kept";
    state.underWay = keepNow(contentOf());
    const how = await state.underWay;
    state.underWay = null;
    state.last = Date.now();
    return how;
  }

  async function keepNow(content) {
    const copy = copyOf(content);
    const answer = await send(copy);
    if (answer.how === "kept") {
      state.kept = content;
      if (state.failing) await dropCopy(copy.slot);
      state.failing = false;
      say("[data-draft-kept]", answer.kept ? page.dataset.saysKept.replace("{time}", answer.kept) : page.dataset.saysSame);
      say("[data-draft-news]", answer.news);
    } else if (answer.how === "refused") {
      state.refused = content;
      say("[data-draft-news]", `${page.dataset.saysRefused} ${answer.refused}`);
    } else {
      state.failing = true;
      const copied = await keepCopy(copy);
      const name = answer.how === "ended" ? "saysEnded" : "saysOffline";
      const without = answer.how === "ended" ? "saysEndedNowhere" : "saysNowhere";
      say("[data-draft-kept]", "");
      say("[data-draft-news]", page.dataset[copied ? name : without]);
      if (answer.how === "ended") document.dispatchEvent(new Event("trialmgr:signed-out"));
    }
    return answer.how;
  }

  function keepSoon() {
    window.clearTimeout(state.soon);
    state.soon = window.setTimeout(tick, Math.max(0, state.last + REST_MS - Date.now()));
  }

  function tick() {
    if (!state.stopped && !isKept()) keep();
  }

  // What was typed goes first: nothing is left behind by a page that is sent, in whatever direction.
  async function onSubmit(event) {
    const sent = event.target;
    if (sent.method !== "post" || state.stopped) return;
    if (sent.querySelector("input[name=draft_slot]") && sent !== form) {
      state.stopped = true; // thrown away by its author
      form.removeAttribute("data-warn-unsaved");
      return;
    }
    if (isKept() && navigator.onLine) {
      state.stopped = sent === form;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const how = await keep();
    if (how === "ended" || how === "offline" || !navigator.onLine) {
      if (how !== "ended") say("[data-draft-news]", page.dataset.saysWaiting);
      return;
    }
    state.stopped = true;
    sent.requestSubmit(event.submitter);
    state.stopped = sent === form;
  }

  function watch() {
    state.kept = contentOf();
    if (navigator.locks) {
      // Held while this page lives, so that no other tab takes its copy for one of a page that is gone.
      navigator.locks.request(`${STORE}-${form.elements.draft_slot.value}`, () => new Promise(() => {}));
    }
    form.addEventListener("change", keepSoon);
    window.setInterval(tick, KEEP_EVERY_MS);
    window.addEventListener("online", tick);
    window.addEventListener("pagehide", tick);
    window.addEventListener("pageshow", () => {
      state.stopped = false;
    });
    document.addEventListener("visibilitychange", tick);
    document.addEventListener("submit", onSubmit, true);
  }

  async function begin() {
    if (form) watch();
    await wipeCopies((copy) => copy.who !== person.dataset.person);
    if (!person.dataset.draftKeyUrl || (await askAccess()) === null) return;
    const sent = await sendCopies();
    if (form && sent.includes(page.dataset.draftUrl) && contentOf() === state.kept) window.location.reload();
  }

  // Signing out wipes; the server asks the browser for the same, which not every browser does.
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[action$='/account/logout/']") && navigator.onLine) wipeCopies(() => true);
  });

  begin();
})();
