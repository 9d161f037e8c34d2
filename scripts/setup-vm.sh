#!/usr/bin/env bash
# A Debian 13 with a Docker engine to be emulated: disk, kernel and a key for ssh, below the user's cache. It has what most
# hosts have and this machine may not: control groups of version 2 kept by systemd, AppArmor, an engine of root's and one
# of a user's own (rootless), which both offer crun. What was made by this script as it is now is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ccx/vm
packages=linux-image-amd64,initramfs-tools,systemd-sysv,dbus,udev,kmod,iproute2,procps,openssh-server
packages=$packages,docker.io,docker-cli,iptables,ca-certificates,apparmor,crun
packages=$packages,rootlesskit,slirp4netns,uidmap,dbus-user-session # a rootless engine's

if [ "$(dpkg --print-architecture)" != amd64 ]; then
    echo "ccx: the emulated machine is made for amd64 alone." >&2
    exit 1
fi
if ! command -v qemu-system-x86_64 >/dev/null || ! command -v ssh >/dev/null; then
    scripts/apt-install.sh qemu-system-x86 openssh-client
fi
made_by=$(sha256sum <scripts/setup-vm.sh)
if [ -e "$home/disk.img" ] && [ "$(cat "$home/made-by" 2>/dev/null)" = "$made_by" ]; then
    exit 0
fi
echo "ccx: making a Debian 13 to be emulated in $home"
rm -rf "$home" "$home.new"
mkdir -p "$home.new"
root=$home.new/root
scripts/debian-tree.sh trixie "$root" "$packages"
ssh-keygen -q -t ed25519 -N '' -C ccx -f "$home.new/key"
install -D -m 600 "$home.new/key.pub" "$root/root/.ssh/authorized_keys"
printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/20-ccx.network"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
echo ccx-vm >"$root/etc/hostname"
install -d "$root/etc/docker"
echo '{"runtimes": {"crun": {"path": "/usr/bin/crun"}}}' >"$root/etc/docker/daemon.json"
# As dockerd-rootless-setuptool.sh would have it, whose user is logged in. This one lingers: its services start with the machine.
chroot "$root" useradd --create-home ccx
echo ccx:100000:65536 | tee "$root/etc/subuid" >"$root/etc/subgid"
install -D -m 644 /dev/null "$root/var/lib/systemd/linger/ccx"
cat >"$root/etc/systemd/user/docker.service" <<'END'
[Service]
Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/usr/share/docker.io/contrib/dockerd-rootless.sh --iptables=false --ip6tables=false --add-runtime=crun=/usr/bin/crun
Type=notify
NotifyAccess=all
KillMode=mixed
Delegate=yes

[Install]
WantedBy=default.target
END
chroot "$root" systemctl --quiet --global enable docker
chroot "$root" systemctl --quiet enable systemd-networkd ssh docker
mv "$root"/boot/vmlinuz-* "$home.new/kernel"
mv "$root"/boot/initrd.img-* "$home.new/initrd"
truncate -s 6G "$home.new/disk.img"
mkfs.ext4 -q -d "$root" "$home.new/disk.img"
rm -rf "$root"
echo "$made_by" >"$home.new/made-by"
mv "$home.new" "$home"
