using System.Security.Cryptography;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>The digest over bytes put together by hand, as docs/base-package.md defines them.</summary>
public sealed class BaseDigestTests
{
    [Fact]
    public void Digest_IsSha256OverNamesShapesAndData()
    {
        byte[] bytes =
        [
            1, 0, 0, 0, (byte)'a',                                  // the name's length, the name
            2, 0, 0, 0,                                             // two dimensions
            1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,         // [1,2]
            0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x00, 0xC0,         // 1.0, -2.0
            3, 0, 0, 0, (byte)'b', (byte)'.', (byte)'c',
            1, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0,                                 // [1]
            0x00, 0x00, 0x00, 0x3F,                                 // 0.5
        ];
        using BaseDigest digest = new();
        digest.Begin(new CanonicalWeight("a", [1, 2]));
        digest.Append([0x00, 0x00, 0x80, 0x3F]);
        digest.Append([0x00, 0x00, 0x00, 0xC0]);
        digest.Begin(new CanonicalWeight("b.c", [1]));
        digest.Append([0x00, 0x00, 0x00, 0x3F]);
        Assert.Equal($"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}", digest.Finish());
    }

    [Fact]
    public void WeightsOutOfOrder_OrOfWrongLength_AreRefused()
    {
        using BaseDigest digest = new();
        digest.Begin(new CanonicalWeight("b", [1]));
        Assert.Throws<InvalidOperationException>(() => digest.Begin(new CanonicalWeight("c", [1])));
        Assert.Throws<InvalidOperationException>(digest.Finish);
        digest.Append(new byte[4]);
        Assert.Throws<InvalidOperationException>(() => digest.Begin(new CanonicalWeight("a", [1])));
        Assert.Throws<InvalidOperationException>(() => digest.Begin(new CanonicalWeight("b", [1])));
        Assert.Throws<InvalidOperationException>(() => digest.Append(new byte[1]));
    }
}
