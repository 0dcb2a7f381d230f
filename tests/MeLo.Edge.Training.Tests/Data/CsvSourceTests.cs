using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class CsvSourceTests
{
    [Fact]
    public void OneLabelColumn_IsSingleLabel_WithSplitsAndPatients()
    {
        using TemporaryFolder folder = Pictures("p/1.bmp", "2.bmp", "3.bmp");
        Dataset dataset = Open(folder, "file,Label,split,patient_id\r\np/1.bmp,sick,train,A\r\n2.bmp,well,val,B\r\n\"3.bmp\",sick,TEST,C\r\n");

        Assert.Equal(["sick", "well"], dataset.Labels);
        Assert.False(dataset.IsMultiLabel);
        Assert.Equal([DatasetPart.Train, DatasetPart.Validation, DatasetPart.Test], dataset.Samples.Select(s => s.Part!.Value));
        Assert.Equal(["A", "B", "C"], dataset.Samples.Select(s => s.Patient));
        Assert.Equal([1, 0], dataset.Samples[2].Targets);
    }

    [Fact]
    public void LabelsWithBars_AreMultiLabel()
    {
        using TemporaryFolder folder = Pictures("1.bmp", "2.bmp", "3.bmp");
        Dataset dataset = Open(folder, "path,labels\n1.bmp,mass|edema\n2.bmp,edema\n3.bmp,\n");

        Assert.True(dataset.IsMultiLabel);
        Assert.Equal(["edema", "mass"], dataset.Labels);
        Assert.Equal([1, 1], dataset.Samples[0].Targets);
        Assert.Equal([1, 0], dataset.Samples[1].Targets);
        Assert.Equal([0, 0], dataset.Samples[2].Targets);
    }

    [Fact]
    public void ColumnsOfNoughtsAndOnes_AreMultiLabel()
    {
        using TemporaryFolder folder = Pictures("1.bmp", "2.bmp");
        Dataset dataset = Open(folder, "image,mass,edema,patient\n1.bmp,1,0,A\n2.bmp,1.0,1,B\n");
        Assert.True(dataset.IsMultiLabel);
        Assert.Equal(["edema", "mass"], dataset.Labels);
        Assert.Equal([0, 1], dataset.Samples[0].Targets);
        Assert.Equal([1, 1], dataset.Samples[1].Targets);

        Dataset ordered = Open(folder, "image,mass,edema,age\n1.bmp,1,0,77\n2.bmp,1,1,78\n", new DatasetOptions { LabelColumns = ["mass", "edema"], Labels = ["mass", "edema"] });
        Assert.Equal([1, 0], ordered.Samples[0].Targets);

        Refused(folder, "image,mass,edema,age\n1.bmp,1,0,77\n2.bmp,1,0,1\n", "line 2: found '77' in the column 'age', expected 0 or 1");
    }

    [Fact]
    public void ColumnThatIsAskedForTwice_IsRefused()
    {
        using TemporaryFolder folder = Pictures("1.bmp");
        File.WriteAllText(folder["list.csv"], "path,a,b\n1.bmp,1,0\n");
        Assert.Contains("'a' asked for twice", Assert.Throws<DatasetException>(() => Dataset.Open(folder["list.csv"], new DatasetOptions { LabelColumns = ["a", "b", "a"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ColumnsByOtherNames_AreGiven()
    {
        using TemporaryFolder folder = Pictures("1.bmp", "2.bmp");
        DatasetOptions options = new() { PathColumn = "bild", LabelColumns = ["befund"], SplitColumn = "teil", PatientColumn = "fall" };
        Dataset dataset = Open(folder, "fall,teil,bild,befund\nA,train,1.bmp,x\nB,test,2.bmp,y\n", options);
        Assert.Equal(["x", "y"], dataset.Labels);
        Assert.Equal(DatasetPart.Test, dataset.Samples[1].Part);
        Assert.Equal("B", dataset.Samples[1].Patient);
    }

    [Theory]
    [InlineData("file,label\n", "found a header and nothing below")]
    [InlineData("name,label\n1.bmp,a\n", "found the columns name, label, expected one for paths: path, file, filename, image")]
    [InlineData("file,path,label\n1.bmp,1.bmp,a\n", "found the columns 'path' and 'file', expected one of them")]
    [InlineData("file\n1.bmp\n", "expected one for labels")]
    [InlineData("file,label\n1.bmp,a\n2.bmp,\n", "line 3: found no label")]
    [InlineData("file,label\n1.bmp,a\n\0,b\n", "line 3: found no path")]
    [InlineData("file,label\n1.bmp,a\n1.bmp,b\n", "line 3: found '1.bmp' again")]
    [InlineData("file,label,split\n1.bmp,a,train\n2.bmp,b,holdout\n", "line 3: found 'holdout' in the column 'split'")]
    [InlineData("file,label,patient\n1.bmp,a,A\n2.bmp,b,\n", "line 3: found nothing in the column 'patient'")]
    [InlineData("file,label\n1.bmp,a\nno.bmp,b\n", "'no.bmp': there is no such file")]
    [InlineData("file,label\n1.bmp,a\nno/no.bmp,b\n", "'no/no.bmp': there is no such file")]
    [InlineData("file,label\n1.bmp,a\n2.bmp,a\n", "found 1 label, expected 2")]
    public void TablesThatAreNoDataset_AreRefused(string table, string reason)
    {
        using TemporaryFolder folder = Pictures("1.bmp", "2.bmp");
        Refused(folder, table, reason);
    }

    [Fact]
    public void SeveralFaults_AreReportedTogether()
    {
        using TemporaryFolder folder = Pictures("1.bmp");
        DatasetException e = Assert.Throws<DatasetException>(() => Open(folder, "file,label,split\n1.bmp,,train\n,b,never\n"));
        Assert.Contains("3 faults", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BloodCells_OpenAsTheyAre()
    {
        Dataset dataset = Dataset.Open(SharedData.Data("blood-cell", "labels.csv"), new DatasetOptions());
        Splits splits = Splits.Of(dataset, new SplitOptions());
        Assert.Equal(["eosinophil", "lymphocyte", "monocyte", "neutrophil"], dataset.Labels);
        Assert.Equal((345, 208, 52, 85), (dataset.Samples.Count, splits.Train.Count, splits.Validation.Count, splits.Test.Count));
    }

    [Fact]
    public void ChestRadiographs_OpenAsTheyAre()
    {
        Dataset dataset = Dataset.Open(SharedData.Data("chest-xray", "labels.csv"), new DatasetOptions());
        Assert.Equal(["no_findings", "pneumonia"], dataset.Labels);
        Assert.Equal(1000, dataset.Samples.Count);
        Assert.Equal(500, dataset.Samples.Count(s => s.Targets[1] > 0));
    }

    private static TemporaryFolder Pictures(params string[] paths)
    {
        TemporaryFolder folder = new();
        foreach (string path in paths) File.WriteAllBytes(folder[path.Split('/')], Bitmaps.Of(4, 4, 1, 2, 3));
        return folder;
    }

    private static Dataset Open(TemporaryFolder folder, string table, DatasetOptions? options = null)
    {
        File.WriteAllText(folder["labels.csv"], table);
        return Dataset.Open(folder["labels.csv"], options ?? new DatasetOptions());
    }

    private static void Refused(TemporaryFolder folder, string table, string reason) =>
        Assert.Contains(reason, Assert.Throws<DatasetException>(() => Open(folder, table)).Message, StringComparison.Ordinal);
}
