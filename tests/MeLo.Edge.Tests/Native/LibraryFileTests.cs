using System.Reflection;
using System.Runtime.InteropServices;
using MeLo.Edge.Native;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Native;

public sealed class LibraryFileTests : IDisposable
{
    private static readonly ushort s_here = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? HandMadeElf.Arm64 : HandMadeElf.X64;
    private static readonly ushort s_elsewhere = s_here == HandMadeElf.X64 ? HandMadeElf.Arm64 : HandMadeElf.X64;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Needed_OfTheRuntimesOwnLibrary_AreTheSystemsLibraries()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads the library of Linux");
        IReadOnlyList<string> needed = LibraryFile.Needed(Path.Combine(OrtLibrary.Folder, "libonnxruntime.so.1"));
        foreach (string library in (string[])["libc.so.6", "libm.so.6", "libstdc++.so.6"]) Assert.Contains(library, needed);
    }

    [Fact]
    public void Needed_OfTheRuntimesLibraryForWindows_AreWindowsLibraries()
    {
        // The build fetches the libraries of all platforms.
        string processor = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string path = Path.Combine(Repository, "native", "node_modules", "onnxruntime-node", "bin", "napi-v6", "win32", processor, "onnxruntime.dll");
        IReadOnlyList<string> needed = LibraryFile.Needed(path);
        foreach (string library in (string[])["KERNEL32.dll", "MSVCP140.dll", "SETUPAPI.dll"]) Assert.Contains(library, needed);
        Assert.All(needed, name => Assert.EndsWith(".dll", name, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Needed_OfAHandMadeLibrary_AreItsNamesInOrder()
    {
        Assert.Equal(["libcublas.so.13", "libcudart.so.13"], Needed(HandMadeElf.Of(["libcublas.so.13", "libcudart.so.13"], machine: s_here)));
        Assert.Empty(Needed(HandMadeElf.Of(machine: s_here)));
    }

    [Fact]
    public void AnotherProcessorsLibrary_IsRefusedByName()
    {
        string message = Assert.Throws<BadImageFormatException>(() => Needed(HandMadeElf.Of(["a"], machine: s_elsewhere))).Message;
        Assert.Equal($"found a library for {(s_here == HandMadeElf.X64 ? "Arm64" : "X64")}, expected one for {RuntimeInformation.ProcessArchitecture}", message);
    }

    [Fact]
    public void ALibraryOf32Bits_IsRefused()
    {
        byte[] file = HandMadeElf.Of(["a"], machine: s_here);
        file[4] = 1;
        Assert.Contains("32 bits", Assert.Throws<BadImageFormatException>(() => Needed(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MZ")]
    [InlineData("\u007fELF")]
    [InlineData("version https://git-lfs.github.com/spec/v1")]
    public void AFileThatIsNoLibrary_IsRefused(string content) =>
        Assert.StartsWith("found ", Assert.Throws<BadImageFormatException>(() => Needed(System.Text.Encoding.ASCII.GetBytes(content))).Message, StringComparison.Ordinal);

    [Fact]
    public void ALibraryThatIsCutOffAnywhere_IsRefused_AndOneThatIsChangedAnywhere_IsReadOrRefused()
    {
        byte[] whole = HandMadeElf.Of(["libcublas.so.13", "libcudart.so.13"], machine: s_here);
        int dynamic = whole.Length - (8 * 16);
        for (int length = 0; length < dynamic; length += length < 512 ? 1 : 97) Assert.Throws<BadImageFormatException>(() => Needed(whole[..length]));
        for (int at = 0; at < whole.Length; at += at < 512 || at >= dynamic ? 1 : 97)
        {
            byte[] changed = [.. whole];
            changed[at] ^= 0xFF;
            try { Needed(changed); }
            catch (BadImageFormatException e) { Assert.StartsWith("found ", e.Message, StringComparison.Ordinal); }
        }
    }

    [Fact]
    public void AWindowsLibraryThatIsCutOff_IsRefused()
    {
        string processor = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        byte[] whole = File.ReadAllBytes(Path.Combine(Repository, "native", "node_modules", "onnxruntime-node", "bin", "napi-v6", "win32", processor, "onnxruntime.dll"));
        foreach (int length in (int[])[64, 128, 300, 1024, 4096, whole.Length / 2])
            Assert.StartsWith("found ", Assert.Throws<BadImageFormatException>(() => Needed(whole[..length])).Message, StringComparison.Ordinal);
    }

    private static string Repository =>
        typeof(LibraryFileTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepositoryRoot").Value!;

    private IReadOnlyList<string> Needed(byte[] file)
    {
        File.WriteAllBytes(_folder["library"], file);
        return LibraryFile.Needed(_folder["library"]);
    }
}
