# Boots systemd in namespaces of its own, on a copy of this machine that vanishes with them: boot.sh FOLDER
# FOLDER has *.deb, which are installed before, and probe.sh, which runs once the services are up. Its output is in
# probe.log. The machine itself is not changed.
set -e
shared=$1
mount -t tmpfs tmpfs "$shared/copy"
cd "$shared/copy"
mkdir up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount -t sysfs sysfs root/sys
mount -t cgroup2 cgroup2 root/sys/fs/cgroup
mount -t tmpfs tmpfs root/run
mount -t tmpfs tmpfs root/tmp
mkdir root/shared
mount --bind "$shared" root/shared
# systemd mounts credentials in a namespace of its own.
mount --make-rshared root
ip link set lo up
# Where packages may not start services, such as in images of containers.
rm -f root/usr/sbin/policy-rc.d
cat >root/etc/systemd/system/probe.service <<'UNIT'
[Unit]
After=cortex.service neuron.service
[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/bin/sh /shared/probe.sh
ExecStopPost=/usr/bin/systemctl poweroff --force --force
StandardOutput=append:/shared/probe.log
StandardError=inherit
[Install]
WantedBy=multi-user.target
UNIT
chroot root sh -c 'dpkg -i /shared/*.deb && systemctl enable probe.service && systemctl mask systemd-udevd.service network-online.target'
exec chroot root env -i container=lxc PATH=/usr/bin:/bin:/usr/sbin:/sbin \
  /lib/systemd/systemd --unit=multi-user.target --show-status=false --log-level=warning
