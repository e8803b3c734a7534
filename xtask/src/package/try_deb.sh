# Installs, starts, upgrades and removes a package in an overlay of this system, which nobody else
# sees. Takes the package and an empty folder. To be run by `unshare --mount`, as root.
set -eu
package=$1 folder=$2
mkdir -p "$folder/upper" "$folder/work" "$folder/root" "$folder/former"
mount -t tmpfs tmpfs "$folder/upper"
mkdir "$folder/upper/files" "$folder/upper/work"
mount -t overlay overlay "$folder/root" \
    -o "lowerdir=/,upperdir=$folder/upper/files,workdir=$folder/upper/work"
for system in dev proc; do mount --rbind /$system "$folder/root/$system"; done
inside() { chroot "$folder/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
fail() { echo "$1" >&2; exit 1; }

# The former version is this one with a lower number.
dpkg-deb --raw-extract "$package" "$folder/former/files"
sed -i 's/^Version: .*/Version: 0.0.1-1/' "$folder/former/files/DEBIAN/control"
dpkg-deb --build "$folder/former/files" "$folder/root/former.deb" > /dev/null
cp "$package" "$folder/root/this.deb"

# Runs the node with the settings of its unit, and sends it a line. It stops when its input closes.
say() {
    inside bash -c 'set -eu
        mkdir -p /var/lib/herd && rm -f /tmp/input /tmp/ready && mkfifo /tmp/input
        export HERD_CONFIG=/etc/herd/herd.toml HERD_DATA_DIR=/var/lib/herd/Alford
        herd Alford --client-address 127.0.0.1:0 --link-address 127.0.0.1:0 --insecure-links \
            --admin-address 127.0.0.1:0 --log-file /tmp/herd.log --stop-with-stdin \
            < /tmp/input > /tmp/ready &
        exec 4> /tmp/input
        until port=$(sed -n "s/.*\"client\":\"127.0.0.1:\([0-9]*\)\".*/\1/p" /tmp/ready) && [ "$port" ]
        do kill -0 $!; sleep 0.05; done
        exec 3<> /dev/tcp/127.0.0.1/$port
        echo "$1" >&3
        head -n 1 <&3
        exec 4>&-
        wait $!' say "$1"
}

inside dpkg --install /former.deb
answer=$(say "IAMAT kiwi +34.07-118.45 1520023934")
case $answer in "AT Alford "*) ;; *) fail "the node answered: $answer" ;; esac
echo "# kept" >> "$folder/root/etc/herd/herd.toml"
inside dpkg --install /this.deb
tail -n 1 "$folder/root/etc/herd/herd.toml" | grep -q "# kept" || fail "the upgrade replaced the herd file"
answer=$(say "WHATSAT kiwi 0 0")
case $answer in "AT Alford "*) ;; *) fail "after the upgrade, the node answered: $answer" ;; esac
inside man --path herd > /dev/null 2>&1 || [ -e "$folder/root/usr/share/man/man1/herd.1.gz" ] ||
    fail "there is no manual page"
inside dpkg --purge herd
[ ! -e "$folder/root/usr/bin/herd" ] || fail "the program is still there"
[ -e "$folder/root/var/lib/herd/Alford/journal" ] || fail "the records are gone"
