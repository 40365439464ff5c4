// Says in time that the work on a page ends, and says so when it has. WCAG 2.2.1.
//
// With JavaScript off a page that is opened in its last minutes says so from the start.
const LOOK_EVERY_MS = 1_000;

export function watchTime(limit) {
  const opened = Date.now(); // Goes on while the computer sleeps; a timer does not.
  const told = limit.querySelector("[data-told]");
  const [left, warnedFor] = [limit.dataset.timeLimit, limit.dataset.warnedFor].map(Number);
  let said = "";
  const look = () => {
    const rest = left - (Date.now() - opened) / 1_000;
    const say = rest <= 0 ? "over" : rest <= warnedFor ? "soon" : "";
    if (say === said) return;
    said = say;
    if (say) told.replaceChildren(limit.querySelector(`[data-${say}]`).content.cloneNode(true));
    if (say === "over") clearInterval(looking);
  };
  const looking = setInterval(look, LOOK_EVERY_MS);
  look();
}
