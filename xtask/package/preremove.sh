#!/bin/sh
# Stops and disables the timers before the package is removed, but not before an upgrade.
# $1 is `remove` for dpkg, and 0 for rpm.
set -e
case "$1" in
remove | 0)
    if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
        systemctl disable --now pki-check.timer pki-renew.timer
    fi
    ;;
esac
