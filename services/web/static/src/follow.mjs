// Keeps a page in step with its unlock session: asks `/wait`, which answers when something changed.
//
// With JavaScript off the page carries a <meta refresh> and a link instead.
const PATIENCE_MS = 40_000; // Longer than the server's own wait of 20 s and its 5 s deadlines.
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000];

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function ask(at, since) {
  const query = new URLSearchParams({ at, since });
  const answer = await fetch(`/wait?${query}`, {
    headers: { Accept: "application/json" },
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!answer.ok) throw new Error(`wait answered ${answer.status}`);
  return answer.json();
}

function show(live, html) {
  if (live.innerHTML.trim() !== html.trim()) live.innerHTML = html;
}

export async function follow(live) {
  const lost = document.querySelector("[data-lost]");
  let { since } = live.dataset;
  for (let failures = 0; ; ) {
    try {
      const told = await ask(live.dataset.follow, since);
      failures = 0;
      if (lost) lost.hidden = true;
      if (told.go) return location.replace(told.go);
      since = told.since;
      show(live, told.html);
      if (told.last) return;
    } catch {
      failures += 1;
      since = ""; // Whatever is true now is news: the next answer comes at once.
      if (lost && failures > 1) lost.hidden = false;
      await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1]);
    }
  }
}
