// The receiving side, for the test only: the page never opens anything.
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

const ENC_LENGTH = 32;

export async function open(privateKey, context, message) {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const recipient = await suite.createRecipientContext({
    recipientKey: await suite.kem.importKey("raw", privateKey.buffer, false),
    enc: message.slice(0, ENC_LENGTH).buffer,
    info: new TextEncoder().encode(context).buffer,
  });
  return new TextDecoder().decode(await recipient.open(message.slice(ENC_LENGTH).buffer));
}
