# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Small helpers that the scripts here share. Source it after "set -eu".

# shellcheck disable=SC2034 # used by who sources this
VIRTUOSO_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VIRTUOSO_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/virtuoso
VIRTUOSO_ME=${0##*/}
export PATH=$PATH:/usr/sbin:/sbin

# Progress for people, on standard error so that standard output stays usable.
say() { printf '%s: %s\n' "$VIRTUOSO_ME" "$*" >&2; }

die() { say "$*"; exit 1; }

# with_lock NAME COMMAND...: run COMMAND while no other process holds NAME.
with_lock() {
	local name=$1 fd
	shift
	mkdir -p "$VIRTUOSO_CACHE"
	exec {fd}> "$VIRTUOSO_CACHE/$name.lock"
	flock "$fd"
	"$@"
	exec {fd}>&-
}

# Does this machine's kernel run below QEMU without hardware virtualisation?
emulated() { [ "$(systemd-detect-virt --vm)" = qemu ]; }

# sha_of TEXT-OR-FILES-ON-STDIN: a short name for a cache entry.
sha_of() { sha256sum | cut -c1-12; }

# Newest installed kernel of Linux 6.12 or later that has both an image and headers.
newest_kernel() {
	local v
	# shellcheck disable=SC2012 # version names hold no odd characters
	for v in $(ls -1 /lib/modules 2>/dev/null | sort -rV); do
		case $v in
		[0-5].*|6.[0-9].*|6.[0-9]-*|6.1[01].*|6.1[01]-*|*cloud*|*rt-*) continue ;;
		esac
		if [ -e "$(kernel_image "$v")" ] && [ -e "/lib/modules/$v/build/Makefile" ]; then
			echo "$v"
			return 0
		fi
	done
	return 1
}

# A KERNEL, wherever a script takes one, is the release of an installed kernel
# or the build directory of a kernel of our own (see debug-kernel).

kernel_release() {
	case $1 in
	/*) cat "$1/include/config/kernel.release" ;;
	*) echo "$1" ;;
	esac
}

# A package holds the image in /boot or, when it is newer, beside the modules.
kernel_image() {
	local image
	case $1 in
	/*) image=$1/arch/x86/boot/bzImage ;;
	*)
		image=/boot/vmlinuz-$1
		[ -e "$image" ] || image=/lib/modules/$1/vmlinuz
		;;
	esac
	echo "$image"
}

# The directory that holds lib/modules/RELEASE.
kernel_root() {
	case $1 in
	/*) echo "$1/root" ;;
	*) echo / ;;
	esac
}
