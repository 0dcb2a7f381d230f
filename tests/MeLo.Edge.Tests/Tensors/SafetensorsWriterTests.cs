using System.Text;
using System.Text.Json;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Tensors;

public sealed class SafetensorsWriterTests
{
    [Fact]
    public void Written_IsReadBackTheSame()
    {
        TensorSource[] tensors =
        [
            TensorSource.FromSingles("b.weight", [2, 3], new float[] { 1, 2, 3, 4, 5, float.NegativeZero }),
            new("a", ElementType.U8, [5], s => s.Write([1, 2, 3, 4, 5])),
            TensorSource.FromSingles("scalar", [], new float[] { 7 }),
            TensorSource.FromSingles("empty", [0, 4], Array.Empty<float>()),
            new("é\"\\<", ElementType.Bool, [1], s => s.WriteByte(1)),
        ];
        using SafetensorsFile file = SafetensorsFile.Parse(SafetensorsWriter.ToBytes(tensors, new Dictionary<string, string> { ["k"] = "v\n" }), "test");
        Assert.Equal(tensors.Select(t => (t.Name, t.Type, Dims: string.Join(',', t.Shape))), file.Tensors.Values.Select(t => (t.Name, t.Type, Dims: string.Join(',', t.Shape))));
        Assert.Equal([1, 2, 3, 4, 5, float.NegativeZero], file["b.weight"].ToSingles());
        Assert.Equal([1, 2, 3, 4, 5], file["a"].Bytes.ToArray());
        Assert.Equal("v\n", file.Metadata["k"]);
    }

    [Fact]
    public void Bytes_AreWhatTheFormatSays()
    {
        byte[] bytes = SafetensorsWriter.ToBytes([TensorSource.FromSingles("t", [1], new float[] { 1 })]);
        int headerLength = (int)BitConverter.ToUInt64(bytes);
        Assert.Equal(0, (8 + headerLength) % 64);
        string header = Encoding.UTF8.GetString(bytes, 8, headerLength);
        Assert.Equal("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", header.TrimEnd(' '));
        Assert.Equal([0, 0, 0x80, 0x3F], bytes[(8 + headerLength)..]);
        using JsonDocument json = JsonDocument.Parse(header);
    }

    [Theory]
    [InlineData("F32", ElementType.F32), InlineData("F16", ElementType.F16), InlineData("BF16", ElementType.BF16), InlineData("F64", ElementType.F64)]
    [InlineData("I8", ElementType.I8), InlineData("U8", ElementType.U8), InlineData("I16", ElementType.I16), InlineData("U16", ElementType.U16)]
    [InlineData("I32", ElementType.I32), InlineData("U32", ElementType.U32), InlineData("I64", ElementType.I64), InlineData("U64", ElementType.U64), InlineData("BOOL", ElementType.Bool)]
    public void EveryElementType_HasTheFormatsName(string name, ElementType type)
    {
        byte[] bytes = SafetensorsWriter.ToBytes([new TensorSource("t", type, [3], s => s.Write(new byte[3 * type.Size()]))]);
        Assert.Contains($"\"dtype\":\"{name}\"", Encoding.UTF8.GetString(bytes), StringComparison.Ordinal);
        using SafetensorsFile file = SafetensorsFile.Parse(bytes, "test");
        Assert.Equal(type, file["t"].Type);
    }

    [Fact]
    public void NoTensor_IsAValidFile()
    {
        using SafetensorsFile file = SafetensorsFile.Parse(SafetensorsWriter.ToBytes([]), "empty");
        Assert.Empty(file.Tensors);
    }

    [Fact]
    public void RepeatedName_AndWrongLengths_AreRefused()
    {
        TensorSource one = TensorSource.FromSingles("t", [1], new float[] { 1 });
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.ToBytes([one, one]));
        Assert.Throws<ArgumentException>(() => TensorSource.FromSingles("t", [2], new float[] { 1 }));
        foreach (int length in (int[])[0, 3, 5])
            Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.ToBytes([new TensorSource("t", ElementType.F32, [1], s => s.Write(new byte[length]))]));
    }

    [Fact]
    public void Tensors_AreAskedForTheirBytesOneAtATime()
    {
        int open = 0;
        TensorSource[] tensors = [.. Enumerable.Range(0, 4).Select(i => new TensorSource($"t{i}", ElementType.U8, [2], s =>
        {
            Assert.Equal(i, open++);
            s.WriteByte((byte)i);
            s.Write([(byte)i]);
        }))];
        byte[] bytes = SafetensorsWriter.ToBytes(tensors);
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 3], bytes[^8..]);
    }

    [Fact]
    public void GoldenFile_WrittenAgain_HoldsTheSameTensors()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("micro", "base.safetensors"));
        byte[] bytes = SafetensorsWriter.ToBytes([.. golden.Tensors.Values.Select(t => new TensorSource(t.Name, t.Type, t.Shape, s => s.Write(t.Bytes)))]);
        using SafetensorsFile again = SafetensorsFile.Parse(bytes, "again");
        Assert.Equal(golden.Tensors.Keys, again.Tensors.Keys);
        Assert.All(golden.Tensors.Values, t => Assert.True(t.Bytes.SequenceEqual(again[t.Name].Bytes)));
    }
}
