namespace AdapterPacker.Tests;

public sealed class KeygenTests(Workbench bench)
{
    [Theory]
    [InlineData("p256", "prime256v1")]
    [InlineData("p384", "secp384r1")]
    [InlineData("p521", "secp521r1")]
    public void Keys_AreReadByOpenSsl_AndSign(string curve, string openSslName)
    {
        using TemporaryFolder folder = new();
        Packer.Done("keygen", "--out", folder.Root, "--curve", curve);
        string key = folder["signing.key.pem"], publicKey = folder["signing.pub.pem"];
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        string bundle = folder["b.melo"];
        File.Copy(bench.Bundle, bundle);
        Packer.Done("sign", bundle, "--key", key);
        Packer.Done("verify", bundle, "--trust", publicKey, "--base", bench.Base);
        Packer.Refused("b.melo", "verify", bundle, "--trust", bench.PublicKey);

        ProgramResult text = Packer.OpenSsl("pkey", "-in", key, "-noout", "-text");
        Assert.Contains(openSslName, text.Output + text.Error, StringComparison.Ordinal);
        Assert.Equal(Lines(File.ReadAllText(publicKey)), Lines(Packer.OpenSsl("pkey", "-in", key, "-pubout").Output));
    }

    [Theory]
    [InlineData("prime256v1")]
    [InlineData("secp384r1")]
    public void KeysMadeByOpenSsl_Sign(string curve)
    {
        using TemporaryFolder folder = new();
        string key = folder["ec.pem"], publicKey = folder["ec.pub.pem"], bundle = folder["b.melo"];
        Assert.Equal(0, Packer.OpenSsl("ecparam", "-name", curve, "-genkey", "-out", key).ExitCode);
        Assert.Equal(0, Packer.OpenSsl("pkey", "-in", key, "-pubout", "-out", publicKey).ExitCode);
        Packer.Done(bench.Pack(bundle, "--key", key));
        Packer.Done("verify", bundle, "--trust", folder["ec.pub.pem"]);
    }

    [Theory]
    [InlineData("signing.key.pem")]
    [InlineData("signing.pub.pem")]
    public void ExistingKey_IsNeverReplaced(string existing)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder[existing], "mine");
        Packer.Refused(existing, "keygen", "--out", folder.Root);
        Assert.Equal("mine", File.ReadAllText(folder[existing]));
        Assert.Single(Directory.GetFiles(folder.Root));
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
