#!/usr/bin/env bash
# Publishes the service for Windows and runs its demonstration under Wine, where no Windows is at hand.
# Needs Debian's wine, wine64 and gcc-mingw-w64-x86-64. What Wine 8 lacks and Windows has is supplied here, outside the product:
#   bcryptprimitives.dll   one function of it, which libvips imports, is built from bcryptprimitives.c
#   DOTNET_EnableWriteXorExecute=0   Wine does not carry .NET's double mapping of code pages
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'WINEPREFIX=$work/prefix wineserver -k 2>/dev/null || true; rm -rf "$work"' EXIT
export WINEPREFIX=$work/prefix WINEDEBUG=-all DOTNET_EnableWriteXorExecute=0

dotnet publish "$here/../../src/MeLo.Edge.Service" -r win-x64 --self-contained -o "$work/service"
wine wineboot -i 2>/dev/null
wine winecfg -v win10 2>/dev/null
x86_64-w64-mingw32-gcc -shared -O2 -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$here/bcryptprimitives.c" -ladvapi32
wine "$work/service/MeLo.Edge.Service.exe" --demo --once --data "Z:${work//\//\\}\\data"
