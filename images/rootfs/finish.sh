#!/bin/sh
# finish.sh   Makes a sandbox's root file system of what the language's installation left behind: small, the same on every host,
# and without what only an administrator could use. Last step before the image is flattened, for deletions to count.
set -eu

# Nothing in a sandbox installs, logs in, mounts or boots. On a base of another kind than Debian this is skipped.
useless='adduser apt apt-utils bsdutils ca-certificates ca-certificates-java debconf debian-archive-keyring dpkg dpkg-dev e2fsprogs
gpgv init-system-helpers java-common libapt-pkg7.0 libext2fs2t64 libnspr4 libnss3 libpam-modules libpam-modules-bin libpam-runtime
libpam0g libpcsclite1 libseccomp2 libss2 logsave login login.defs mount openssl openssl-provider-legacy passwd sqv sysvinit-utils
systemd-standalone-sysusers util-linux'

drop_packages() {
    installed=$(dpkg-query -W -f '${Package}\n')
    dropped=
    for package in $useless perl-base; do
        printf '%s\n' "$installed" | grep -qx "$package" || continue
        # Whoever chose a base with Perl in it wants it.
        [ "$package" != perl-base ] || ! printf '%s\n' "$installed" | grep -qx perl || continue
        dropped="$dropped $package"
    done
    # The list of what is left stays, for scanners.
    awk -v dropped="$dropped " 'BEGIN { RS = ""; ORS = "\n\n" } index(dropped, " " $2 " ") == 0' /var/lib/dpkg/status >/var/lib/ccx-status
    # shellcheck disable=SC2086
    files=$(dpkg-query -L $dropped)
    printf '%s\n' "$files" | while IFS= read -r file; do
        if [ -L "$file" ] || [ -f "$file" ]; then
            case $file in
                /bin | /sbin | /lib | /lib64) ;;
                *) rm -f "$file" ;;
            esac
        fi
    done
    rm -rf /etc/apt /var/lib/apt /var/lib/dpkg
    mkdir -p /var/lib/dpkg
    mv /var/lib/ccx-status /var/lib/dpkg/status
}

if [ -e /var/lib/dpkg/status ] && command -v awk >/dev/null; then
    drop_packages
fi

# shellcheck disable=SC2114
rm -rf /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bug /usr/share/doc-base \
    /usr/share/pixmaps /usr/share/applications /usr/share/bash-completion /usr/share/zsh /usr/share/gdb /usr/share/perl5 \
    /usr/share/debconf /usr/share/common-licenses /usr/lib/udev /usr/lib/systemd /usr/lib/apt /usr/lib/dpkg /usr/share/dpkg /usr/share/fish /usr/share/polkit-1 /usr/share/pam /usr/share/pam-configs /usr/share/keyrings /usr/share/apt /usr/share/menu \
    /etc/ca-certificates.conf /etc/logrotate.d /etc/update-motd.d /etc/rc?.d /etc/cron.daily /etc/dpkg /etc/pam.d /etc/security /etc/systemd /etc/ssl /etc/ca-certificates /usr/share/ca-certificates \
    /usr/local/share/ca-certificates /etc/machine-id \
    /var/cache /var/log /var/mail /var/spool /var/tmp /var/lib/apt /var/lib/systemd /var/lib/pam /var/backups \
    /root /home /media /mnt /srv /boot
mkdir -p /var/cache /var/log /var/tmp /root /home

# A program runs as a user that no file names, another one in each sandbox: see runner/user.c.
[ -e /etc/nsswitch.conf ] || printf 'passwd: files\ngroup: files\nhosts: files dns\n' >/etc/nsswitch.conf
sed -i -e 's/^\(passwd\|group\): .*/\1: files ccx/' /etc/nsswitch.conf
rm -f /etc/shadow /etc/gshadow /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid* /etc/subgid*

# /box is the only place a program can write to: a file system of its own, mounted by the orchestrator.
mkdir -p /box
rm -rf /tmp
ln -s /box/tmp /tmp

# With no_new_privs these bits are dead; without them nobody has to know that.
find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
find / -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -type d -perm -0002 -exec chmod o-w {} +

# Something that was dropped and is still needed is found here, and not by a user.
if command -v ldd >/dev/null; then
    broken=$(find /usr/bin /usr/local/bin -type f -perm -0100 -exec sh -c 'ldd "$0" 2>/dev/null | grep -q "not found" && echo "$0"' {} \;)
    [ -z "$broken" ] || { echo "ccx: libraries are missing for: $broken" >&2; exit 1; }
fi
# The engine gives the mount the mode that the directory has here; the runner closes it before anything runs.
chmod 1777 /box
