"""What the unlock program says in its own window, and what its `doctor` finds on a workstation."""

from services.web.domain.entry import NOTHING_CHANGED, Entry, ask_it, ask_ra, report

_READER = "The unlock program cannot reach the smartcard reader. Older software calls all of this PR20002."
_GATEWAY = "The unlock program cannot reach the unlock service safely, so it does not use it."

ENTRIES: tuple[Entry, ...] = (
    ask_it(
        "PR20002_NOT_INSTALLED",
        "The smartcard reader service is not installed",
        f"{_READER} The reader service is missing.",
        "Ask IT to install it. On Debian and Ubuntu: apt-get install pcscd.",
    ),
    ask_it(
        "PR20002_NOT_RUNNING",
        "The smartcard reader service is not running",
        f"{_READER} The reader service is installed and stopped.",
        "Restart the workstation. IT can start the service: pcscd.socket on Linux, ‘Smart Card’ on Windows.",
    ),
    ask_it(
        "PR20002_NO_PERMISSION",
        "The smartcard reader service does not let your account in",
        f"{_READER} The service runs, but your account may not use it.",
        "Ask IT to allow your account to use the reader: the permissions of the service’s socket, or polkit.",
    ),
    ask_it(
        "PR20002_HANGS",
        "The smartcard reader service does not answer",
        f"{_READER} The service runs, but gives no answer.",
        "Unplug the reader, restart the workstation, and plug the reader in again.",
    ),
    ask_it(
        "READER_SERVICE_DOWN",
        "The smartcard reader service is away",
        f"{_READER} It was there when the program started to look, or never.",
        "Restart the workstation. The program’s ‘doctor’ says which of the causes it is.",
    ),
    ask_it(
        "CONTACTLESS",
        "The smartcard lies on a reader without contacts",
        "The unlock program leaves such readers alone: a passcode is not sent through the air.",
        "Put the smartcard into a slot, chip first. If there is no slot, ask IT for a reader that has one.",
    ),
    ask_it(
        "CARD_GONE",
        "The smartcard was taken out before it was done",
        "The smartcard left the reader while the program spoke to it.",
        "Put the same smartcard back, leave it in, and read on the page what to do.",
    ),
    ask_it(
        "RESET_BY_OTHER",
        "Another program interrupted the smartcard",
        "Another program on your workstation restarted the smartcard while it was in use.",
        "Close other programs that use your smartcard, then try again.",
    ),
    ask_ra(
        "STOPPED",
        "The smartcard refused a command",
        "Your smartcard did not accept what it was sent.",
        "Read on the page what to do next.",
    ),
    ask_it(
        "PROVE_AGAIN",
        "The smartcard must be checked once more",
        f"Something came between the check of your smartcard and the new passcode. {NOTHING_CHANGED}",
        "Go on in the browser.",
    ),
    ask_it(
        "TOO_LATE",
        "That took too long",
        f"The unlock program got a task after the time for it was over. {NOTHING_CHANGED}",
        "Go on in the browser.",
    ),
    ask_it(
        "SESSION_LOST",
        "The unlock program’s session has ended",
        "The unlock service does not know this session any more.",
        "Use the new address or code in the program’s window.",
    ),
    report(
        "PAGE_ADDRESS_REFUSED",
        "The unlock service gave an address that your workstation does not trust",
        "The unlock program opens pages of one service only, and this was another.",
        "Do not open it. Ask IT to compare WEB_ORIGIN of the program and of the service.",
    ),
    ask_ra(
        "CARD_BLOCKED",
        "Your smartcard is locked",
        "Its passcode was typed wrongly too often. The smartcard itself is in order.",
        "Unlock it here: start from the address or the code in the unlock program’s window.",
    ),
    ask_ra(
        "CARD_LAST_TRY",
        "Your smartcard has one try left",
        "One more wrong passcode locks it.",
        "Do not guess. Choose a new passcode here: start from the address or the code in the unlock"
        " program’s window.",
    ),
    ask_ra(
        "CERTIFICATE_MISSING",
        "The smartcard cannot prove that it is genuine",
        "It lacks the certificate (9E) that it needs for that.",
        "Your Registration Authority (smartcard team) must issue it again.",
    ),
    ask_it(
        "SETTINGS_BAD",
        "The unlock program is not set up",
        "Settings of the program on your workstation are missing or wrong.",
        "Ask IT to correct them. The program’s ‘doctor’ names them.",
    ),
    ask_it(
        "STATE_FOLDER_OPEN",
        "Other people can look into the unlock program’s folder",
        "The folder holds the present session, which only your account may read.",
        "Ask IT to set its permissions to 0700.",
    ),
    ask_it(
        "STATE_FOLDER_NOT_WRITABLE",
        "The unlock program cannot write into its folder",
        "It writes down what it is about to do to a smartcard, and does nothing it cannot write down.",
        "Free some space on the disk, or ask IT to make the folder yours.",
    ),
    ask_it(
        "AGENT_RUNNING",
        "The unlock program is already running",
        "Only one can run for an account.",
        "Use the window that is open. If you cannot find it, restart the workstation.",
    ),
    ask_it(
        "PROXY_SEEN",
        "Your workstation reaches the network through a proxy",
        "A proxy that opens or changes connections can keep the unlock program from its service.",
        "Nothing, while the program works. Else ask IT to let the proxy pass its connection unchanged.",
    ),
    ask_it(
        "CA_FILE_BAD",
        "The unlock program does not know whom to trust",
        f"{_GATEWAY} The file with the certificate authority cannot be read.",
        "Ask IT to correct TLS_CA_FILE.",
    ),
    ask_it(
        "GATEWAY_NAME_UNKNOWN",
        "The unlock service’s name cannot be found",
        f"{_GATEWAY} Its name has no address in your network.",
        "Check the network or the VPN. IT can check CARD_GATEWAY_ADDRESS and the name service.",
    ),
    ask_it(
        "GATEWAY_UNREACHABLE",
        "Nothing answers at the unlock service’s address",
        f"{_GATEWAY} The connection is refused or gets no answer.",
        "Check the network or the VPN. IT can check firewall, proxy and port.",
    ),
    ask_it(
        "PROXY_REFUSED",
        "The proxy does not let the unlock program through",
        f"{_GATEWAY} The proxy of your network refuses the connection.",
        "Ask IT to let the proxy pass connections to the unlock service.",
    ),
    ask_it(
        "PROXY_WANTS_LOGIN",
        "The proxy asks the unlock program for a login",
        f"{_GATEWAY} The proxy of your network wants a login that the program was not given.",
        "Ask IT to set the login in HTTPS_PROXY, or to let the unlock service pass without one.",
    ),
    ask_it(
        "GATEWAY_NOT_TLS",
        "Something else answers at the unlock service’s address",
        f"{_GATEWAY} What answers does not speak its TLS.",
        "Ask IT to check the port, and whether a proxy changes the connection.",
    ),
    ask_it(
        "GATEWAY_CA_UNKNOWN",
        "The unlock service’s certificate is from an unknown authority",
        f"{_GATEWAY} A proxy that opens TLS connections looks like this too.",
        "Ask IT to check TLS_CA_FILE, and to exempt the unlock service from the proxy.",
    ),
    ask_it(
        "GATEWAY_NAME_WRONG",
        "Another server answers at the unlock service’s address",
        f"{_GATEWAY} The certificate shown is for another name.",
        "Ask IT to check CARD_GATEWAY_ADDRESS.",
    ),
    ask_it(
        "GATEWAY_CERTIFICATE_EXPIRED",
        "The unlock service’s certificate has expired",
        f"{_GATEWAY} Either the certificate is too old or the workstation’s clock is ahead.",
        "Check the date of the workstation. If it is right, tell whoever runs the unlock service.",
    ),
    ask_it(
        "GATEWAY_REFUSES",
        "The unlock service does not accept your workstation",
        "It answers, and refuses the unlock program.",
        "Ask IT whether the unlock program must be updated.",
    ),
    ask_it(
        "AGENT_CERTIFICATE_BAD",
        "The unlock program cannot read its certificate",
        "The files with your workstation’s certificate and key are damaged or do not belong together.",
        "Ask IT to correct AGENT_CERT_FILE and AGENT_KEY_FILE.",
    ),
    ask_it(
        "AGENT_CERTIFICATE_MISSING",
        "Your workstation is not enrolled",
        "The unlock service takes enrolled workstations only, and yours shows no certificate.",
        "Use an enrolled workstation, or ask IT to enrol this one.",
    ),
    ask_it(
        "AGENT_CERTIFICATE_EXPIRED",
        "Your workstation’s certificate has expired",
        "The unlock service takes enrolled workstations only. Either the certificate of yours is too old or"
        " its clock is ahead.",
        "Check the date of the workstation. If it is right, ask IT to renew the certificate.",
    ),
    ask_it(
        "AGENT_CERTIFICATE_REFUSED",
        "The unlock service does not accept your workstation’s certificate",
        "The certificate is from an authority that the unlock service does not know, or not a workstation’s.",
        "Ask IT to enrol this workstation anew.",
    ),
    ask_it(
        "GATEWAY_AWAY",
        "The unlock service cannot be reached",
        "The unlock program gets no answer from its service just now.",
        "Wait. The program tries again by itself; its ‘doctor’ says more.",
    ),
    ask_it(
        "GATEWAY_BUSY",
        "Many workstations ask the unlock service at once",
        "The unlock service answers those first whose unlock is under way.",
        "Wait. The program tries again by itself, within a minute or two.",
    ),
    ask_it(
        "CLOCK_WRONG",
        "The clock of your workstation is wrong",
        "It differs from the unlock service’s by more than 30 seconds, or from what its certificate allows.",
        "Ask IT to set the clock from the network.",
    ),
    ask_it(
        "AGENT_VERSION_DIFFERS",
        "The unlock program and the unlock service are of different versions",
        "They work together as long as the page says nothing else.",
        "Ask IT to update the unlock program.",
    ),
)
