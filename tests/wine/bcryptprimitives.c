#include <windows.h>
#include <ntsecapi.h>

// The one function of bcryptprimitives.dll that libvips' build imports; every Windows since 8 has it, Wine 8 does not.
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return RtlGenRandom(data, (ULONG)length); }
