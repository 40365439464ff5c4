// Which passcodes are refused: the same rules as the agent's own, which refuses again. R51.
//
// A test holds the two rule sets to one another; the texts are in the page.
const MIN_LENGTH = 6;
const MAX_LENGTH = 8;
const COMMON = new Set(
  (
    "121314 131313 102030 112358 314159 159753 147258 258369 147852 159357 246810 135790 13579 112211 121121 " +
    "696969 420420 789456 456123 741852 963852 852456 147369 987412 123789 789123 000007 007007 100200 " +
    "11223344 12341234 14725836 31415926 27182818 1472583 9632587 1234512"
  ).split(" "),
);

export function weakness(pin) {
  if (!/^[0-9]+$/.test(pin)) return pin ? "NOT_DIGITS" : "LENGTH";
  if (pin.length < MIN_LENGTH || pin.length > MAX_LENGTH) return "LENGTH";
  if (repeats(pin)) return "REPEAT";
  if (counts(pin)) return "SEQUENCE";
  if (isDate(pin)) return "DATE";
  return COMMON.has(pin) ? "COMMON" : null;
}

// What can be no current passcode, or is no change: told here, before it costs a try.
export function changeWeakness(current, next) {
  if (!/^[0-9]{4,8}$/.test(current)) return "CURRENT_FORM";
  return current === next ? "SAME" : null;
}

function repeats(pin) {
  if (new Set(pin).size <= 2) return true;
  for (let size = 1; size <= pin.length / 2; size += 1) {
    if (pin.slice(0, size).repeat(MAX_LENGTH).slice(0, pin.length) === pin) return true;
  }
  return false;
}

function counts(pin) {
  const half = Math.floor(pin.length / 2);
  return isRun(pin) || (isRun(pin.slice(0, half)) && isRun(pin.slice(half)));
}

function isRun(digits) {
  const steps = new Set([...digits].slice(1).map((digit, at) => (Number(digit) - Number(digits[at]) + 10) % 10));
  return steps.size === 1 && [1, 2, 8, 9].includes([...steps][0]);
}

function isDate(pin) {
  const part = (from, to) => Number(pin.slice(from, to));
  const [a, b] = [part(0, 2), part(2, 4)];
  if (pin.length === 6) {
    const c = part(4);
    const month = isDay(part(2), a, 1) || isDay(part(0, 4), c, 1);
    return isDay(2000, b, a) || isDay(2000, a, b) || isDay(2000, b, c) || month;
  }
  if (pin.length === 8) {
    const year = part(4);
    return isDay(year, b, a) || isDay(year, a, b) || isDay(part(0, 4), part(4, 6), part(6));
  }
  return false;
}

function isDay(year, month, day) {
  if (year < 1900 || year > 2099) return false;
  const found = new Date(Date.UTC(year, month - 1, day));
  return found.getUTCMonth() === month - 1 && found.getUTCDate() === day && month > 0 && day > 0;
}
