using System.Text;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class CsvTableTests
{
    [Theory]
    [InlineData("a,b\n1,2\n", "1|2")]
    [InlineData("a,b\r\n1,2\r\n3,4", "1|2;3|4")]
    [InlineData("\uFEFFa,b\n1,2", "1|2")]
    [InlineData("a,b\n\"x,y\",\"say \"\"so\"\"\"\n", "x,y|say \"so\"")]
    [InlineData("a,b\n\"two\r\nlines\",2\r\n", "two\r\nlines|2")]
    [InlineData("a,b\n,\n", "|")]
    [InlineData("a,b\n\n1,2\n\n", "1|2")]
    [InlineData("a,b\n\"\",2\n", "|2")]
    [InlineData("a,b\n1, x \n", "1| x ")]
    public void Tables_AreReadAsRfc4180(string text, string expected)
    {
        CsvTable table = CsvTable.Parse(text, "t.csv");
        Assert.Equal(["a", "b"], table.Header);
        Assert.Equal(expected, string.Join(';', table.Rows.Select(r => string.Join('|', r.Fields))));
    }

    [Theory]
    [InlineData("", "found no header")]
    [InlineData("\n\n", "found no header")]
    [InlineData("a,A\n1,2", "found the column 'a' twice")]
    [InlineData("a,b\n1,2,3", "line 2: found 3 fields, expected 2")]
    [InlineData("a,b\n\"x\ny\",2\n1", "line 4: found 1 field, expected 2")]
    [InlineData("a;b\n1;2,5\n", "found semicolons between the columns, expected commas")]
    [InlineData("a\tb\n1\t2\n", "found tabs between the columns")]
    [InlineData("a,b\n1,\"x", "line 2: found a quoted field without an end")]
    [InlineData("a,b\n1,\"x\"y", "line 2: found 'y' behind a quoted field")]
    [InlineData("a,b\n1,x\"y\"", "line 2: found a quote inside a field")]
    public void Faults_NameTheLine(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<DatasetException>(() => CsvTable.Parse(text, "t.csv")).Message, StringComparison.Ordinal);

    [Fact]
    public void BytesThatAreNotUtf8_AreRefused()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["t.csv"], [.. Encoding.ASCII.GetBytes("a,b\n"), 0xFF, 0xFE]);
        Assert.Contains("not UTF-8", Assert.Throws<DatasetException>(() => CsvTable.Read(folder["t.csv"], "t.csv")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    public void Utf16_IsRefusedByItsName(string encoding)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["t.csv"], "a,b\n1,2\n", Encoding.GetEncoding(encoding));
        Assert.Contains("found UTF-16, expected UTF-8", Assert.Throws<DatasetException>(() => CsvTable.Read(folder["t.csv"], "t.csv")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyTextWrittenWithQuotes_ComesBack()
    {
        Random random = new(1); // .NET keeps what a seed gives
        const string Letters = "ab,\"\n\r ;";
        for (int round = 0; round < 200; round++)
        {
            string[][] rows = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 3).Select(_ => Text()).ToArray())];
            string file = "x,y,z\n" + string.Concat(rows.Select(r => string.Join(',', r.Select(f => $"\"{f.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")) + "\r\n"));
            Assert.Equal(rows, CsvTable.Parse(file, "t").Rows.Select(r => r.Fields));
        }

        string Text() => string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => Letters[random.Next(Letters.Length)]));
    }
}
