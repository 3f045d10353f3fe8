#!/bin/sh
# Makes the Debian packages of a folder of `npm run build`: build.sh DIST VERSION ARCHITECTURE OUT
set -eu
here=$(CDPATH= cd -P -- "$(dirname "$0")" && pwd)
dist=$1 version=$2 architecture=$3
mkdir -p "$4"
out=$(CDPATH= cd -P -- "$4" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
kernels=usr/lib/neuron/engine/node_modules/@node-llama-cpp

# pack NAME TREE: adds the control files of deb/NAME.
pack() {
  mkdir -p "$2/DEBIAN"
  package=$(sed -n 's/^Package: //p' "$here/$1/control")
  docs=$2/usr/share/doc/$package
  mkdir -p "$docs"
  cp "$here/copyright" "$docs/copyright"
  printf '%s (%s) stable; urgency=medium\n\n  * See the list of commits.\n\n -- helexa <packages@helexa.ai>  %s\n' \
    "$package" "$version" "$(date -u -R -d "@${SOURCE_DATE_EPOCH:-0}")" | gzip -9n >"$docs/changelog.Debian.gz"
  install -D -m 644 "$here/lintian-overrides" "$2/usr/share/lintian/overrides/$package"
  size=$(du -sk --exclude=DEBIAN "$2" | cut -f1)
  sed "s/\${version}/$version/; s/^Priority:/Version: $version\nArchitecture: $architecture\nInstalled-Size: $size\nPriority:/" \
    "$here/$1/control" >"$2/DEBIAN/control"
  (cd "$2" && find usr -type f -exec md5sum {} + | LC_ALL=C sort -k2) >"$2/DEBIAN/md5sums"
  # Compressing harder takes minutes for a few percent.
  dpkg-deb --root-owner-group -Zgzip -z2 --build "$2" "$out/${package}_${version}_$architecture.deb" >/dev/null
  echo "$out/${package}_${version}_$architecture.deb"
}

for name in cortex neuron; do
  tree=$work/$name
  "$here/../install.sh" "$name" "$dist" "$tree"
  mkdir -p "$tree/DEBIAN"
  (cd "$tree" && find etc -type f | sed 's#^#/#') >"$tree/DEBIAN/conffiles"
  for script in postinst prerm postrm; do
    sed "s/%NAME%/$name/g" "$here/$script" >"$tree/DEBIAN/$script"
    chmod 755 "$tree/DEBIAN/$script"
  done
  if [ "$name" = neuron ]; then
    for variant in cuda vulkan; do
      mkdir -p "$work/neuron-$variant/$kernels"
      for folder in "$tree/$kernels"/*-"$variant" "$tree/$kernels"/*-"$variant"-ext; do
        if [ -d "$folder" ]; then mv "$folder" "$work/neuron-$variant/$kernels/"; fi
      done
      if [ -n "$(ls "$work/neuron-$variant/$kernels")" ]; then pack "neuron-$variant" "$work/neuron-$variant"; fi
    done
  fi
  pack "$name" "$tree"
done
