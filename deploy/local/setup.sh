#!/usr/bin/env bash
# Installs all that `make run` and `make test` need, each thing by its name. Run again, it does only what
# changed: a step is done again when the hash of its inputs differs from the one noted in .cache/setup.
set -euo pipefail
cd "$(dirname "$0")/../.."
notes=.cache/setup
mkdir -p "$notes"
exec 9>"$notes/lock"
flock 9 # two `make run` in a new clone: the second waits for the first

started=$SECONDS
say() { printf '  %-18s %s\n' "$1" "$2"; }

# fail WHAT HOW: one line, what is missing and how to get it.
fail() {
  printf 'make setup: %s. To mend: %s.\n' "$1" "$2" >&2
  exit 1
}

# step NAME FILES... -- COMMAND...: run the command unless the files are as they were when it last passed.
step() {
  local name=$1 inputs=() hash before=$SECONDS
  shift
  while [ "$1" != -- ]; do inputs+=("$1"); shift; done
  shift
  hash=$( (python3 --version; find "${inputs[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum)
  if [ "$(cat "$notes/$name" 2>/dev/null)" = "$hash" ] && "present_$name"; then
    say "$name" "as it was"
    return
  fi
  say "$name" "installing…"
  rm -f "$notes/$name"
  if ! "$@" >"$notes/$name.log" 2>&1; then
    tail -n 15 "$notes/$name.log" >&2
    fail "$name could not be installed (the lines above; all of them in $notes/$name.log)" "$(mend "$name")"
  fi
  printf '%s' "$hash" >"$notes/$name"
  say "$name" "done in $((SECONDS - before)) s"
}

mend() {
  case $1 in
    python) echo "see that pip reaches its package index, then run make setup again" ;;
    npm | pages) echo "see that npm reaches its registry, then run make setup again" ;;
    kafka) echo "see that mvn reaches Maven Central, then run make setup again" ;;
  esac
}

# --- Debian's packages -------------------------------------------------------------------------------
wanted_packages() {
  # Cards: the PC/SC service, a virtual reader, what pyscard is built with, and two judges that are not ours.
  echo pcscd vsmartcard-vpcd swig libpcsclite-dev opensc yubico-piv-tool
  # The directory: an LDAP server for the tests, never started as a service, and what its client is built with.
  echo slapd libldap-dev libsasl2-dev
  echo softhsm2 # an HSM in software: PKCS#11 for the vault's tests
  echo nginx # judges the recipe for a local redirect; never started as a service
  echo chromium fonts-dejavu-core util-linux
  # The agent's window and its entry on a desktop: a screen without a monitor, and three judges of desktop files.
  echo xvfb xdg-utils desktop-file-utils libglib2.0-bin
  [ -n "$(find /usr/lib/postgresql -name initdb 2>/dev/null)" ] || echo postgresql
  command -v java >/dev/null || echo default-jre-headless
  command -v mvn >/dev/null || echo maven
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
  command -v gcc >/dev/null || echo gcc
  command -v python3 >/dev/null || echo python3
  if [ "$(command -v python3)" = /usr/bin/python3 ]; then echo python3-venv python3-dev python3-tk; fi
}

missing_packages() {
  for package in $(wanted_packages); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

debian() {
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  missing=${missing% }
  if [ -z "$missing" ]; then
    say debian "as it was"
    return
  fi
  command -v apt-get >/dev/null || fail "these Debian packages are missing: $missing" "install what your system calls them"
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing: $missing" "sudo apt-get install $missing"
  say debian "installing $missing…"
  # RUNLEVEL=1: a package's service is not started; ours are started by `make run`, each in its own place.
  if ! (apt-get update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends $missing) \
    >"$notes/debian.log" 2>&1 </dev/null; then
    tail -n 15 "$notes/debian.log" >&2
    fail "Debian packages could not be installed" "apt-get install $missing, and read what it says"
  fi
  say debian "done"
}

# The package's own configuration lets anyone on the network insert a card: vpcd listens on every interface.
close_vpcd() {
  local theirs=/etc/reader.conf.d/vpcd aside=/etc/vpcd.reader.conf.aside pid
  [ -e "$theirs" ] || return 0
  [ -w /etc/reader.conf.d ] || fail "$theirs opens a port on every interface" "sudo mv $theirs $aside"
  mv "$theirs" "$aside"
  pid=$(cat /run/pcscd/pcscd.pid 2>/dev/null || true)
  if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pcscd ]; then kill "$pid"; fi
  say vpcd "its open port is closed ($theirs moved to $aside)"
}

# The package's own service would listen on port 80 from the next start of the machine.
close_nginx() {
  [ "$(id -u)" = 0 ] && [ -e /etc/rc3.d/S01nginx ] || return 0
  update-rc.d nginx disable >/dev/null 2>&1 || true
}

# The package's own server would listen on every interface from the next start of the machine.
close_slapd() {
  [ "$(id -u)" = 0 ] && ls /etc/rc3.d/S*slapd >/dev/null 2>&1 || return 0
  update-rc.d slapd disable >/dev/null 2>&1 || true
  ! command -v systemctl >/dev/null || systemctl disable --now slapd >/dev/null 2>&1 || true
}

# --- The project's own parts -------------------------------------------------------------------------
present_python() { .venv/bin/python -c 'import services, smartcard_unlock, pytest' 2>/dev/null; }
python_packages() {
  local pip=".venv/bin/python -m pip --disable-pip-version-check"
  .venv/bin/python -c '' 2>/dev/null || python3 -m venv --clear .venv || return 1
  $pip install --require-hashes -r requirements.lock && $pip install --no-deps --no-build-isolation -e .
}

present_npm() { [ -x node_modules/.bin/esbuild ]; }
npm_packages() { npm ci --no-audit --no-fund; }

present_pages() { [ -f services/web/static/dist/built.json ]; }
pages() { npm run build:web; }

present_kafka() { ls .cache/kafka/kafka_*.jar >/dev/null 2>&1; }
kafka_jars() {
  rm -rf .cache/kafka
  mvn -q -B -f deploy/local/pom.xml dependency:copy-dependencies \
    -DoutputDirectory="$PWD/.cache/kafka" -DincludeScope=runtime &&
    .venv/bin/python -m deploy.local.kafka
}

echo "Setting up (the first time takes a few minutes)"
debian
close_vpcd
close_nginx
close_slapd
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is missing" "apt-get install python3"
step python requirements.lock pyproject.toml -- python_packages
step npm package.json package-lock.json -- npm_packages
step pages package-lock.json services/web/build_static.mjs services/web/static/src -- pages
step kafka deploy/local/pom.xml deploy/local/kafka.py -- kafka_jars
echo "Ready after $((SECONDS - started)) s"
