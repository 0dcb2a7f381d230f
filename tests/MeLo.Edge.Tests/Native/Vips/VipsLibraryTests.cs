using System.Runtime.InteropServices;
using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Tests.Native.Vips;

/// <summary>Not in parallel with others: libvips has one error text for the process.</summary>
[Collection(nameof(VipsLibraryTests))]
[CollectionDefinition(nameof(VipsLibraryTests), DisableParallelization = true)]
public sealed class VipsLibraryTests
{
    [Fact]
    public void Version_IsTheOneThatIsShipped() => Assert.Equal("8.18.7", VipsLibrary.Version);

    /// <summary>Every loader over memory that the library has beside the four, whether it calls itself untrusted or not.</summary>
    [Theory]
    [InlineData("svgload_buffer", "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>")]
    [InlineData("gifload_buffer", "GIF89a\u0001\0\u0001\0\0\0\0;")]
    [InlineData("uhdrload_buffer", "x")]
    public void OtherLoaders_AreBlocked(string nickname, string content)
    {
        VipsException refused = Assert.Throws<VipsException>(() =>
            VipsImage.Load(new VipsLoader(nickname, hasUnlimited: false), System.Text.Encoding.Latin1.GetBytes(content), VipsFailOn.Error));
        Assert.Contains("blocked", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>This one looks at the file before it asks whether it may run.</summary>
    [Fact]
    public void HeifLoader_IsBlockedToo() => Assert.Throws<VipsException>(() =>
        VipsImage.Load(new VipsLoader("heifload_buffer", hasUnlimited: false), "\0\0\0\u0018ftypheic"u8.ToArray(), VipsFailOn.Error));

    [Theory]
    [InlineData("no_such_operation")]
    [InlineData("")]
    public void UnknownOperation_IsAnError(string nickname) =>
        Assert.Throws<VipsException>(() => VipsImage.Load(new VipsLoader(nickname, hasUnlimited: false), new byte[] { 1 }, VipsFailOn.Error));

    [Theory]
    [InlineData("pngload_buffer")]
    [InlineData("jpegload_buffer")]
    [InlineData("tiffload_buffer")]
    [InlineData("webpload_buffer")]
    public void EveryLoaderInUse_RefusesGarbageWithItsReason(string nickname)
    {
        VipsException refused = Assert.Throws<VipsException>(() =>
            VipsImage.Load(new VipsLoader(nickname, hasUnlimited: nickname != "webpload_buffer"), new byte[100], VipsFailOn.Error));
        Assert.NotEmpty(refused.Message);
        Assert.DoesNotContain("blocked", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherLibrary_IsNotTakenForIt() => Assert.Throws<EntryPointNotFoundException>(() => new VipsApi(NativeLibrary.GetMainProgramHandle()));
}
