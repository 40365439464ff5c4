// Keeps the desk page current without touching what is being typed.
const byId = (id) => document.getElementById(id);

function set(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function show(state) {
  set(byId("slots"), `In the reader: ${state.slots.map((card) => card ?? "nothing").join(", ")}`);
  set(byId("code"), state.agent.pairing_code || "–");
  if (state.agent.page_address) byId("open").href = state.agent.page_address;
  set(byId("mails"), String(state.mails));
  const window_ = byId("window");
  if (window_.textContent !== state.window) {
    window_.textContent = state.window;
    window_.scrollTop = window_.scrollHeight;
  }
  for (const [name, runs] of Object.entries(state.parts)) {
    set(document.querySelector(`[data-part="${name}"]`), runs ? "runs" : "stopped");
    const button = document.querySelector(`[data-button="${name}"]`);
    button.value = runs ? "stop" : "start";
    button.firstChild.textContent = runs ? "Stop " : "Start ";
  }
}

async function follow() {
  try {
    const answer = await fetch("/api/state");
    if (answer.ok) show(await answer.json());
  } catch {
    set(byId("slots"), "The stack has stopped. Start it again with make run.");
  }
  setTimeout(follow, 1000);
}

// Buttons act without leaving the page; without JavaScript they still work.
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const sent = new FormData(form, event.submitter);
  if (form.action.endsWith("/answer")) form.reset();
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(sent), redirect: "manual" });
  if (answer.status === 409) document.documentElement.innerHTML = await answer.text();
});
follow();
