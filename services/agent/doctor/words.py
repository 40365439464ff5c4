"""What each code of `doctor` means and how to mend it. Codes are stable; every one has a help page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One code in plain words."""

    what: str
    mend: str


_UPDATE = "Ask IT to install the version of the unlock service."
_NETWORK = "Check the network cable, the wireless network or the VPN; then ask IT."

WORDS: dict[str, Words] = {
    "SETTINGS_BAD": Words(
        "Settings of the unlock program are missing or wrong.",
        "Ask IT to correct the settings named here, in the environment or in agent.env.",
    ),
    "STATE_FOLDER_OPEN": Words(
        "Other people of this computer can look into the unlock program's folder.",
        "Run: chmod 700 on the folder AGENT_STATE_DIR.",
    ),
    "STATE_FOLDER_NOT_WRITABLE": Words(
        "The unlock program cannot write into its folder, so it refuses to touch a card.",
        "Make the folder AGENT_STATE_DIR yours and writable, or free some space on its disk.",
    ),
    "AGENT_RUNNING": Words(
        "The unlock program is already running on this computer.",
        "Nothing to mend: use its window. A second one cannot be started.",
    ),
    "PROXY_SEEN": Words(
        "This computer is set to reach the network through a proxy.",
        "Nothing to mend while the gateway can be reached. If it cannot, ask IT to let the proxy pass it.",
    ),
    "PROXY_REFUSED": Words(
        "The proxy on the way does not let this computer through to the gateway.",
        "Ask IT to let CONNECT through to the gateway's addresses and ports.",
    ),
    "PROXY_WANTS_LOGIN": Words(
        "The proxy on the way asks for a login that this computer does not give.",
        "Ask IT to put the login into HTTPS_PROXY, or to name the gateway in NO_PROXY.",
    ),
    "PR20002": Words(
        "The smartcard reader service gives an error that has no name here.",
        "Restart the computer. If that does not help, give IT the number shown.",
    ),
    "PR20002_NOT_INSTALLED": Words(
        "The smartcard reader service is not installed.",
        "Install it. On Debian and Ubuntu: apt-get install pcscd",
    ),
    "PR20002_NOT_RUNNING": Words(
        "The smartcard reader service is not running.",
        "Start it: systemctl start pcscd.socket; on Windows start the service named Smart Card.",
    ),
    "PR20002_NO_PERMISSION": Words(
        "The smartcard reader service runs, but does not let this account in.",
        "Ask IT to allow this account to use the reader: socket permissions, or polkit on Linux.",
    ),
    "PR20002_HANGS": Words(
        "The smartcard reader service does not answer.",
        "Unplug the reader and restart the service: systemctl restart pcscd; or restart the computer.",
    ),
    "NO_READER": Words(
        "There is no smartcard reader.",
        "Plug one in. If one is plugged in, try another socket, then ask IT for its driver.",
    ),
    "NO_CARD": Words("There is no card in the reader.", "Insert a card to have it looked at."),
    "TWO_CARDS": Words("There is more than one card.", "Leave only the one that you want to unlock."),
    "CONTACTLESS": Words(
        "The card lies on a reader without contacts. A passcode is not sent through the air.",
        "Put the card into a slot, chip first. If there is no slot, plug in a reader that has one.",
    ),
    "CARD_MUTE": Words(
        "The card does not answer.",
        "Take it out and put it in the other way round, chip first. If it stays so, the card is broken.",
    ),
    "READER_BUSY": Words(
        "Another program has the card for itself.",
        "Close other programs that use the smartcard, then run this again.",
    ),
    "CARD_REMOVED": Words("The card was taken out.", "Insert it again and leave it in."),
    "TIMED_OUT": Words(
        "The card took too long to answer.",
        "Take it out, clean the chip with a dry cloth, and insert it again.",
    ),
    "UNSUPPORTED_CARD": Words(
        "This kind of card is not known here. No passcode was tried on it.",
        "Check that it is the right card. If it is, your Registration Authority can help.",
    ),
    "CARD_BLOCKED": Words(
        "The card is locked: its passcode was typed wrongly too often.",
        "Nothing is broken. Open the unlock page and choose a new passcode.",
    ),
    "CARD_LAST_TRY": Words(
        "The card has one try left before it locks.",
        "Do not guess. Open the unlock page and choose a new passcode.",
    ),
    "CERTIFICATE_MISSING": Words(
        "The card has no certificate with which it can prove that it is genuine (9E).",
        "Your Registration Authority must issue it again.",
    ),
    "CERTIFICATE_EXPIRED": Words(
        "A certificate on the card has expired.",
        "Your Registration Authority must renew the card. A new passcode will not help.",
    ),
    "CA_FILE_BAD": Words(
        "The file with the gateway's certificate authority cannot be read or holds no certificate.",
        "Ask IT to correct TLS_CA_FILE.",
    ),
    "GATEWAY_NAME_UNKNOWN": Words(
        "The gateway's name cannot be resolved to an address.",
        "Check the name in CARD_GATEWAY_ADDRESS. " + _NETWORK,
    ),
    "GATEWAY_UNREACHABLE": Words(
        "The gateway cannot be reached: nothing answers at its address and port.",
        "A firewall or proxy may be in between. " + _NETWORK,
    ),
    "GATEWAY_NOT_TLS": Words(
        "What answers at the gateway's address does not speak the gateway's TLS.",
        "Check the port in CARD_GATEWAY_ADDRESS; a proxy in between must pass the connection unchanged.",
    ),
    "GATEWAY_CA_UNKNOWN": Words(
        "The gateway's certificate is not from the authority that this computer was told to trust.",
        "Check TLS_CA_FILE. Where a proxy opens TLS connections, IT must exempt the gateway.",
    ),
    "GATEWAY_NAME_WRONG": Words(
        "Another server answers at the gateway's address: its certificate has another name.",
        "Check CARD_GATEWAY_ADDRESS.",
    ),
    "GATEWAY_CERTIFICATE_EXPIRED": Words(
        "The gateway's certificate has expired, or this computer's clock is ahead.",
        "Check this computer's date. If it is right, tell whoever runs the unlock service.",
    ),
    "GATEWAY_REFUSES": Words(
        "The gateway answers, but does not accept this computer.",
        "Give IT this code and the word beside it. An older unlock program may need an update.",
    ),
    "AGENT_CERTIFICATE_BAD": Words(
        "The files with this computer's certificate and key cannot be read, or do not belong together.",
        "Ask IT to correct AGENT_CERT_FILE and AGENT_KEY_FILE.",
    ),
    "AGENT_CERTIFICATE_MISSING": Words(
        "The gateway takes enrolled computers only, and this one shows no certificate.",
        "Ask IT to enrol this computer: AGENT_CERT_FILE and AGENT_KEY_FILE.",
    ),
    "AGENT_CERTIFICATE_EXPIRED": Words(
        "This computer's certificate for the gateway has expired, or its clock is ahead.",
        "Check this computer's date. If it is right, IT must renew the certificate in AGENT_CERT_FILE.",
    ),
    "AGENT_CERTIFICATE_REFUSED": Words(
        "The gateway does not accept this computer's certificate.",
        "Ask IT for one of the authority in the gateway's AGENT_CA_FILE, named agent/ and this computer.",
    ),
    "GATEWAY_AWAY": Words(
        "The gateway answers, but the unlock service behind it does not.",
        "Wait a few minutes. If it stays so, tell whoever runs the unlock service.",
    ),
    "CLOCK_WRONG": Words(
        "This computer's clock is wrong by more than 30 seconds.",
        "Set it to the right time, best from the network: timedatectl set-ntp true",
    ),
    "AGENT_VERSION_DIFFERS": Words(
        "The unlock program and the unlock service are of different versions.", _UPDATE
    ),
}


def words_of(code: str) -> Words:
    """Return the words of a code."""
    return WORDS[code]
