// Seals the new passcode to the agent's key, so that no server can read it on its way to the card.
//
// HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The message is
// enc || ciphertext. All context goes into `info`: a passcode sealed for one session and one attempt
// opens in no other.
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

const suite = () =>
  new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

const ascii = (text) => new TextEncoder().encode(text);

export const passcodeContext = (sessionId, attemptId) => `smartcard-unlock/pin/v1|${sessionId}|${attemptId}`;

// A seal of its own: a current passcode opens as no new one, and no new one as it.
export const currentPasscodeContext = (sessionId, attemptId) =>
  `smartcard-unlock/current-pin/v1|${sessionId}|${attemptId}`;

// And another one: what somebody signs in with changes no passcode.
export const signInPasscodeContext = (sessionId, attemptId) =>
  `smartcard-unlock/sign-in-pin/v1|${sessionId}|${attemptId}`;

// `agentKey`: 32 raw bytes; `context`: ASCII; answers enc || ciphertext as bytes.
export async function seal(agentKey, context, digits) {
  const hpke = suite();
  const recipientPublicKey = await hpke.kem.deserializePublicKey(agentKey.buffer);
  const sender = await hpke.createSenderContext({ recipientPublicKey, info: ascii(context).buffer });
  const ciphertext = await sender.seal(ascii(digits).buffer);
  const message = new Uint8Array(sender.enc.byteLength + ciphertext.byteLength);
  message.set(new Uint8Array(sender.enc), 0);
  message.set(new Uint8Array(ciphertext), sender.enc.byteLength);
  return message;
}

export function fromBase64Url(text) {
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}

export function toBase64Url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
