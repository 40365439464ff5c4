// The form for the new passcode, the current one, or both, as the page asks for them: judges them here, seals
// them here, and sends only the sealed bytes.
//
// The fields have no `name`, so that no browser can send what stands in them; without this
// module the form cannot be sent at all.
import { changeWeakness, weakness } from "./passcode_rules.mjs";
import {
  currentPasscodeContext,
  fromBase64Url,
  passcodeContext,
  seal,
  signInPasscodeContext,
  toBase64Url,
} from "./seal.mjs";

const first = document.getElementById("passcode"); // not where somebody signs in
const second = document.getElementById("passcode-again");
const current = document.getElementById("current-passcode"); // where a passcode is changed, or signs in
const fields = [current, first, second].filter(Boolean);

function verdict() {
  if (current?.value === "") return "CURRENT_MISSING";
  if (!first) return changeWeakness(current.value, "");
  if (first.value === "") return "MISSING";
  const weak = weakness(first.value);
  const unchanged = current && changeWeakness(current.value, first.value);
  if (unchanged === "CURRENT_FORM") return unchanged;
  if (weak || unchanged) return weak || unchanged;
  return first.value === second.value ? null : "DIFFERENT";
}

function clearErrors() {
  document.getElementById("errors").replaceChildren();
  for (const field of fields) {
    field.classList.remove("nhsuk-input--error");
    field.removeAttribute("aria-invalid");
    field.closest(".nhsuk-form-group").classList.remove("nhsuk-form-group--error");
    describe(field);
    document.getElementById(`${field.id}-error`)?.remove();
  }
}

function describe(field, ...also) {
  const hint = document.getElementById(`${field.id}-hint`) ? [`${field.id}-hint`] : [];
  const ids = [...hint, ...also];
  if (ids.length) field.setAttribute("aria-describedby", ids.join(" "));
  else field.removeAttribute("aria-describedby");
}

// The sentences come with the page, one <template> for each reason: texts live in one place.
function complain(reason) {
  const field = reason === "DIFFERENT" ? second : reason.startsWith("CURRENT") || !first ? current : first;
  const parts = document.getElementById(`refused-${reason}`).content.cloneNode(true);
  const message = parts.querySelector("[data-message]");
  message.id = `${field.id}-error`;
  const group = field.closest(".nhsuk-form-group");
  group.classList.add("nhsuk-form-group--error");
  group.querySelector(".nhsuk-input-wrapper, input").before(message);
  field.classList.add("nhsuk-input--error");
  field.setAttribute("aria-invalid", "true");
  describe(field, message.id);
  const summary = parts.querySelector(".nhsuk-error-summary");
  document.getElementById("errors").replaceChildren(summary);
  summary.tabIndex = -1;
  summary.focus();
}

async function sealInto(form) {
  const { agentKey, session } = form.dataset;
  const attempt = form.elements.attempt_id.value;
  if (first) {
    const sealed = await seal(fromBase64Url(agentKey), passcodeContext(session, attempt), first.value);
    form.elements.sealed.value = toBase64Url(sealed);
  }
  if (!current) return;
  const context = first ? currentPasscodeContext(session, attempt) : signInPasscodeContext(session, attempt);
  form.elements.sealed_current.value = toBase64Url(await seal(fromBase64Url(agentKey), context, current.value));
}

let sending = false;

async function submit(event) {
  event.preventDefault();
  const form = event.currentTarget;
  if (sending) return;
  clearErrors();
  const reason = verdict();
  if (reason) return complain(reason);
  sending = true;
  try {
    await sealInto(form);
  } catch {
    sending = false;
    return complain("NOT_SEALED");
  }
  for (const field of fields) field.value = "";
  HTMLFormElement.prototype.submit.call(form);
}

const form = document.getElementById("passcode-form");
form.addEventListener("submit", submit);
form.hidden = false;
// A page that comes back from the browser's memory holds a spent attempt: start again.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
