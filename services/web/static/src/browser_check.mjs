// Says before the journey starts what this browser lacks, in the words the page already holds.
//
// The page carries one hidden element per finding (`data-finding`); this module only shows the right ones.
async function missing() {
  const found = [];
  if (!window.isSecureContext || !window.crypto?.subtle) return ["BROWSER_NOT_SECURE"];
  try {
    await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);
  } catch {
    found.push("BROWSER_TOO_OLD");
  }
  if (!navigator.cookieEnabled) found.push("COOKIES_OFF");
  return found;
}

export async function checkBrowser(list) {
  const findings = await missing();
  for (const item of list.querySelectorAll("[data-finding]")) {
    const name = item.dataset.finding;
    item.hidden = !(findings.includes(name) || (name === "READY" && findings.length === 0));
  }
}
