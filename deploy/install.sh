#!/bin/sh
# Puts the files of one package into a folder: install.sh cortex|neuron DIST DESTDIR
# DIST is a folder of `npm run build`. Packages of both formats are made from it.
set -eu
name=$1
dist=$2
dest=$3
here=$(CDPATH= cd -P -- "$(dirname "$0")" && pwd)

file() { install -D -m "$1" "$2" "$dest$3"; }

file 644 "$here/systemd/$name.service" "/usr/lib/systemd/system/$name.service"
file 644 "$here/sysusers.d/$name.conf" "/usr/lib/sysusers.d/$name.conf"
file 644 "$here/tmpfiles.d/$name.conf" "/usr/lib/tmpfiles.d/$name.conf"

case $name in
  cortex)
    docs=/usr/share/doc/cortex
    file 755 "$dist/cortex" /usr/bin/cortex
    file 644 "$here/systemd/user/cortex-up.service" /usr/lib/systemd/user/cortex-up.service
    file 640 "$here/config/cortex.toml" /etc/cortex/cortex.toml
    file 644 "$here/config/models.toml" /etc/cortex/models.toml
    for example in cortex models; do
      file 644 "$here/../config/$example.example.toml" "$docs/$example.example.toml"
    done
    ;;
  neuron)
    # The name of the package: others have a package neuron.
    docs=/usr/share/doc/helexa-neuron
    mkdir -p "$dest/usr/lib/neuron" "$dest/usr/bin"
    cp -R "$dist/neuron/." "$dest/usr/lib/neuron/"
    rm "$dest/usr/lib/neuron/LICENSE"
    ln -s ../lib/neuron/neuron "$dest/usr/bin/neuron"
    file 640 "$here/config/neuron.toml" /etc/neuron/neuron.toml
    for unit in neuron-joined.path neuron-joined.service; do
      file 644 "$here/systemd/$unit" "/usr/lib/systemd/system/$unit"
    done
    file 644 "$here/../config/neuron.example.toml" "$docs/neuron.example.toml"
    ;;
  *)
    echo "usage: install.sh cortex|neuron DIST DESTDIR" >&2
    exit 2
    ;;
esac

file 644 "$here/../docs/configuration.md" "$docs/configuration.md"
