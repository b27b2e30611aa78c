#!/bin/sh
# Makes what compose.yaml reads from secrets/, and overwrites nothing: delete a file to have it made again (a key of the
# ring never: what it sealed could not be read). PUBLIC_HOST is the name that channels know this host by.
#
#   PUBLIC_HOST=api.example.com ./secrets.sh [directory]
#
# The directory is yours alone; the files in it can be read by whom a service mounts them for, whatever its user.
# Replace public.crt and public.key by your authority's, and introspection-secret and sms-password by what the
# authorization server and the SMS gateway gave you.
set -eu
dir=${1:-$(dirname "$0")/secrets}
host=${PUBLIC_HOST:-localhost}
umask 077
mkdir -p "$dir"
chmod 700 "$dir"
cd "$dir"

word() { openssl rand -hex 24; }       # a password that needs no quoting anywhere
key() { openssl rand -base64 32; }     # 32 bytes, as the key ring wants them
put() { # name, text: unless it is there
  [ -e "$1" ] || { printf '%s\n' "$2" >"$1.new"; chmod 444 "$1.new"; mv "$1.new" "$1"; echo "made $1"; }
}

put postgres-password "$(word)"
put database-password "$(word)"
put database-url "postgres://puente:$(cat database-password)@postgres:5432/puente?sslmode=disable"   # an internal network of this host
[ -e redis-url ] && [ -e redis.conf ] || {
  rm -f redis-url redis.conf
  password=$(word)
  put redis-url "redis://default:$password@redis:6379/0"
  put redis.conf "requirepass $password
maxmemory 256mb
maxmemory-policy noeviction
save \"\"
appendonly no
dir /tmp"
}
put key-first "$(key)"
put admin-token "$(word)"
put grafana-password "$(word)"
put introspection-secret "$(word)"
put sms-password "$(word)"
put sms-secret "$(word)"

# An authority of this host's own, for the operations listener, which Prometheus asks, and until you have a certificate
# for the public one.
[ -e ca.key ] && [ -e ca.crt ] || {
  rm -f ca.key ca.crt
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Puente on $host" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.crt.new 2>/dev/null
  chmod 444 ca.crt.new
  mv ca.crt.new ca.crt
  echo "made ca.crt"
}
certificate() { # name, subject alternative names
  [ -e "$1.crt" ] && [ -e "$1.key" ] && return
  rm -f "$1.crt" "$1.key"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key.new" -out "$1.csr" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile "$1.ext" -out "$1.crt.new" 2>/dev/null
  rm -f "$1.csr" "$1.ext"
  chmod 444 "$1.key.new" "$1.crt.new"
  mv "$1.key.new" "$1.key"
  mv "$1.crt.new" "$1.crt"
  echo "made $1.crt"
}
certificate ops "DNS:puente,DNS:localhost,IP:127.0.0.1"
certificate public "DNS:$host,DNS:puente"

# Who may ask the sandbox for tokens, if it runs: the platform, which introspects, and one channel.
[ -e sandbox-clients ] || put sandbox-clients "puente:$(cat introspection-secret)
tienda:$(word):portabilities+reconexion+validatetv+normalizetv+tmforum"
