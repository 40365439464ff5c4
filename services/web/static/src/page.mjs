// Runs on every page: wakes the NHS components, follows the session, checks the browser, watches the time.
import { Button, ErrorSummary, PasswordInput, Radios, SkipLink, createAll } from "nhsuk-frontend";
import { follow } from "./follow.mjs";
import { checkBrowser } from "./browser_check.mjs";
import { watchTime } from "./time_limit.mjs";

for (const component of [Button, ErrorSummary, PasswordInput, Radios, SkipLink]) createAll(component);

const live = document.querySelector("[data-follow]");
if (live) follow(live);

const checklist = document.querySelector("[data-browser-check]");
if (checklist) checkBrowser(checklist);

const limit = document.querySelector("[data-time-limit]");
if (limit) watchTime(limit);
