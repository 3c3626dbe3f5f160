# Boots systemd as the first process of a PID namespace, on an overlay of this machine's files that goes away with it.
# Arguments: an empty directory, the repository, the site-packages. (Run by test_service.py within unshare.)
set -e
base=$1; root=$1/root
mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mkdir -p "$root/opt/sshpcap" "$root/opt/packages"
cp -r "$2/sshpcap" "$root/opt/sshpcap/"
chmod -R a+rX "$root/opt/sshpcap"
mount --bind "$3" "$root/opt/packages"
cat > "$root/usr/local/bin/sshpcap" <<'X'
#!/bin/sh
PYTHONPATH=/opt/sshpcap:/opt/packages exec /usr/bin/python3 -m sshpcap "$@"
X
chmod 755 "$root/usr/local/bin/sshpcap"
units=$root/etc/systemd/system
cp "$2/contrib/sshpcap-live@.service" "$units/"
printf '[Unit]\nWants=sshpcap-live@lo.service systemd-journald.service\n' > "$units/lab.target"
for unit in tmpfiles-setup tmpfiles-setup-dev udevd udev-trigger sysctl modules-load remount-fs random-seed binfmt; do
    ln -sf /dev/null "$units/systemd-$unit.service"
done
ip link set lo up
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /lib/systemd/systemd --system --unit=lab.target --log-target=console
