using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.Cng;

/// <summary>The part of bcrypt.h that <see cref="BCryptEcdsa"/> needs. Every function returns an NTSTATUS, 0 for success.</summary>
internal static unsafe partial class BCrypt
{
    private const string Library = "bcrypt.dll";

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptOpenAlgorithmProvider(out nint algorithm, string id, string? implementation, uint flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptCloseAlgorithmProvider(nint algorithm, uint flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptGenerateKeyPair(nint algorithm, out nint key, uint bits, uint flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptFinalizeKeyPair(nint key, uint flags);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptImportKeyPair(nint algorithm, nint importKey, string blobType, out nint key, byte* input, uint inputLength, uint flags);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptExportKey(nint key, nint exportKey, string blobType, byte* output, uint outputLength, out uint written, uint flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptSignHash(nint key, void* padding, byte* hash, uint hashLength, byte* signature, uint signatureLength, out uint written, uint flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptVerifySignature(nint key, void* padding, byte* hash, uint hashLength, byte* signature, uint signatureLength, uint flags);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    public static partial uint BCryptDestroyKey(nint key);
}
