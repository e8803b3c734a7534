# Becomes a machine like a container of Gradescope and runs an autograder there: its own network,
# processes and mounts, root without user namespaces, a fresh /etc, /tmp and /autograder. Nothing
# outside changes, and everything ends with this script.
#
# Arguments: a folder to mount the machine at, the bundle, the submission, and the file for the
# results.
set -eu
root=$1 bundle=$2 submission=$3 results=$4

mount -t tmpfs tmpfs "$root"
for folder in usr bin sbin lib lib64; do
    if [ -L "/$folder" ]; then
        cp -P "/$folder" "$root/"
    elif [ -d "/$folder" ]; then
        mkdir "$root/$folder"
        mount --rbind "/$folder" "$root/$folder"
        mount -o remount,bind,ro "$root/$folder"
    fi
done
mkdir "$root/dev" "$root/proc" "$root/tmp" "$root/root" "$root/var" "$root/run"
chmod 1777 "$root/tmp"
mount -t tmpfs tmpfs "$root/usr/local"
mkdir -p "$root/usr/local/share/ca-certificates" "$root/usr/local/bin" "$root/var/tmp"
cp -a /etc "$root/etc"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"

mkdir "$root/autograder"
cp -a "$bundle" "$root/autograder/source"
cp -a "$submission" "$root/autograder/submission"
cp "$bundle/run_autograder" "$root/autograder/"

# There is no network, so nothing can be installed: what is needed is there.
printf '#!/bin/sh\necho "apt-get $*"\n' > "$root/usr/local/bin/apt-get"
chmod +x "$root/usr/local/bin/apt-get"

ip link set lo up
# Of this machine and those within it.
echo 0 > /proc/sys/user/max_user_namespaces
if unshare --user true 2> /dev/null; then
    echo "user namespaces are not denied" >&2
    exit 1
fi

run() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        BUDGET="${BUDGET:-8m}" LIMIT="${LIMIT:-9m}" chroot "$root" "$@"
}
cp "$root/etc/hosts" "$root/etc/hosts.before"
run /autograder/source/setup.sh
run /autograder/run_autograder
cmp "$root/etc/hosts" "$root/etc/hosts.before"
cp "$root/autograder/results/results.json" "$results"
