using MeLo.Edge.Onnx;

namespace MeLo.Edge.Tests.Onnx;

/// <summary>The examples of protobuf.dev, "Encoding".</summary>
public sealed class ProtobufWriterTests
{
    [Fact]
    public void Int64_IsAVarint()
    {
        AssertWrites("08-96-01", w => w.Int64(1, 150));
        AssertWrites("08-00", w => w.Int64(1, 0));
        AssertWrites("08-7F", w => w.Int64(1, 127));
        AssertWrites("08-80-01", w => w.Int64(1, 128));
        AssertWrites("08-FE-FF-FF-FF-FF-FF-FF-FF-FF-01", w => w.Int64(1, -2));
    }

    [Fact]
    public void String_IsItsLengthAndItsUtf8()
    {
        AssertWrites("12-07-74-65-73-74-69-6E-67", w => w.String(2, "testing"));
        AssertWrites("12-02-C3-A9", w => w.String(2, "é"));
        AssertWrites("12-00", w => w.String(2, ""));
    }

    [Fact]
    public void Message_IsItsLengthAndItsFields() => AssertWrites("1A-03-08-96-01", w => w.Message(3, m => m.Int64(1, 150)));

    [Fact]
    public void Single_IsFourLittleEndianBytes() => AssertWrites("15-00-00-80-3F", w => w.Single(2, 1));

    [Fact]
    public void LargeFieldNumbers_TakeTwoBytes() => AssertWrites("A0-01-01", w => w.Int64(20, 1));

    private static void AssertWrites(string expected, Action<ProtobufWriter> write)
    {
        ProtobufWriter writer = new();
        write(writer);
        Assert.Equal(expected, BitConverter.ToString(writer.Written.ToArray()));
    }
}
