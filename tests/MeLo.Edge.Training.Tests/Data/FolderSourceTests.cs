using MeLo.Edge.Dicom;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class FolderSourceTests
{
    [Fact]
    public void FolderPerClass_LabelsAreItsNamesInOrdinalOrder()
    {
        using TemporaryFolder folder = new();
        Put(folder, "b", "2.bmp");
        Put(folder, "b", "deeper", "1.bmp");
        Put(folder, "B", "3.bmp");
        Put(folder, "a", "1.bmp");
        File.WriteAllText(folder["README.md"], "loose files are not of a class");
        File.WriteAllText(folder["a", ".hidden"], "");
        File.WriteAllText(folder["a", "Thumbs.db"], "");

        Dataset dataset = Dataset.Open(folder.Root, new DatasetOptions());

        Assert.Equal(["B", "a", "b"], dataset.Labels);
        Assert.Equal(["B/3.bmp", "a/1.bmp", "b/2.bmp", "b/deeper/1.bmp"], dataset.Samples.Select(s => s.Id));
        Assert.Equal([0, 0, 1], dataset.Samples[3].Targets);
        Assert.All(dataset.Samples, s => Assert.Null(s.Part));
        Assert.False(dataset.IsMultiLabel);
        Assert.Null(dataset.Volume);
        Assert.Equal(1, dataset.Slices);
        Assert.Contains("4 pictures, 3 classes", dataset.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void PicturesOutsideOfTheClasses_AreRefused()
    {
        using TemporaryFolder folder = new();
        foreach (string label in (string[])["a", "b"]) Put(folder, label, "1.bmp");
        File.WriteAllText(folder["labels.csv"], "BM is how a BMP file begins, and this list");
        Assert.Equal(2, Dataset.Open(folder.Root, new DatasetOptions()).Samples.Count);
        File.Copy(folder["a", "1.bmp"], folder["loose"]);
        File.CreateSymbolicLink(folder["nowhere"], folder["gone"]);
        Assert.EndsWith(": the picture 'loose' is in no class's folder", Refusal(folder.Root + "/"), StringComparison.Ordinal);
        File.WriteAllBytes(folder["loose"], TestDicom.Gray(2, 1, [-600, 150]).File());
        Assert.EndsWith(": the picture 'loose' is in no class's folder", Refusal(folder.Root), StringComparison.Ordinal);

        using TemporaryFolder parts = new();
        foreach (string label in (string[])["a", "b"]) Put(parts, "train", label, "1.bmp");
        Put(parts, "test", "2.bmp");
        Assert.EndsWith(": the picture 'test/2.bmp' is in no class's folder", Refusal(parts.Root), StringComparison.Ordinal);

        static string Refusal(string path) => Assert.Throws<DatasetException>(() => Dataset.Open(path, new DatasetOptions())).Message;
    }

    [Fact]
    public void ColumnsOfAFolder_AreRefused()
    {
        using TemporaryFolder folder = new();
        foreach (string label in (string[])["a", "b"]) Put(folder, label, "1.bmp");
        foreach (DatasetOptions options in (DatasetOptions[])[new() { PatientColumn = "x" }, new() { PathColumn = "x" }, new() { SplitColumn = "x" }, new() { LabelColumns = ["x"] }])
            Assert.Contains("found a folder without columns, expected a .csv file for the column 'x'", Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PipesAndDevices_AreRefused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs mkfifo and /dev/zero");
        using TemporaryFolder folder = new();
        foreach (string label in (string[])["a", "b"]) Put(folder, label, "1.bmp");
        using (System.Diagnostics.Process mkfifo = System.Diagnostics.Process.Start("mkfifo", folder["a", "pipe"])) mkfifo.WaitForExit();
        File.CreateSymbolicLink(folder["b", "endless"], "/dev/zero");
        string message = Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions())).Message;
        Assert.Contains("'a/pipe': found an empty file", message, StringComparison.Ordinal);
        Assert.Contains("'b/endless': found an empty file", message, StringComparison.Ordinal);
    }

    [Fact]
    public void DicomFiles_AreReadByTheValuesThatAreAskedFor_AndRefusedWithout()
    {
        using TemporaryFolder folder = new();
        foreach (string label in (string[])["a", "b"]) File.WriteAllBytes(folder[label, "1"], TestDicom.Gray(2, 1, [-600, 150]).File());

        Dataset dataset = Dataset.Open(folder.Root, new DatasetOptions { Dicom = DicomVoi.Window(-600, 1500, DicomVoiFunction.LinearExact) });

        Assert.Equal([0.5f, 1], dataset.Pictures.Read(0).Single().Samples<float>().ToArray());
        Assert.Equal("window:-600,1500,linear-exact", dataset.Dicom!.ToString());
        Assert.Contains("--dicom", Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DicomFilesOfAPatient_StayTogether()
    {
        using TemporaryFolder folder = new();
        for (int i = 0; i < 60; i++) Dicom(folder, $"p{i / 3}", i);
        File.WriteAllBytes(folder["a", "unknown"], TestDicom.Gray(2, 1, [-1, -1]).File());
        foreach (string copy in (string[])["copy1", "copy2", "copy3"]) Put(folder, "b", copy);
        DatasetOptions options = new() { Dicom = DicomVoi.Window(0, 100) };

        Dataset dataset = Dataset.Open(folder.Root, options);
        Splits splits = Splits.Of(dataset, new SplitOptions());

        Assert.Equal("20 by their DICOM files, 4 files do not say whose they are", dataset.Patients);
        // Copies, of which nobody knows whose they are.
        Assert.Single(dataset.Samples.Where(s => s.Id.StartsWith("b/copy", StringComparison.Ordinal)).Select(s => s.Patient).Distinct());
        foreach (string patient in Enumerable.Range(0, 20).Select(p => $"p{p}"))
        {
            int[] samples = [.. Enumerable.Range(0, dataset.Samples.Count).Where(i => dataset.Samples[i].Patient == patient)];
            Assert.Equal(3, samples.Length);
            Assert.Single((DatasetPart[])[DatasetPart.Train, DatasetPart.Validation, DatasetPart.Test], part => splits[part].Intersect(samples).Any());
        }
        Assert.All(Dataset.Open(folder.Root, options with { DicomPatients = false }).Samples, s => Assert.Null(s.Patient));
    }

    [Fact]
    public void PatientInTwoGivenParts_IsRefusedWithoutTheId()
    {
        using TemporaryFolder folder = new();
        foreach ((string part, int first) in (ReadOnlySpan<(string, int)>)[("train", 0), ("val", 2), ("test", 4)])
            for (int i = first; i < first + 2; i++) Dicom(folder, i == 5 ? "SECRET-0" : $"SECRET-{i}", i, part);
        DatasetOptions options = new() { Dicom = DicomVoi.Window(0, 100) };
        DatasetException e = Assert.Throws<DatasetException>(() => Splits.Of(Dataset.Open(folder.Root, options), new SplitOptions()));
        Assert.Contains("'train/a/0' for training and 'test/b/5' for the test are of one patient", e.Message, StringComparison.Ordinal);
        Assert.Contains("--ignore-dicom-patients", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, Splits.Of(Dataset.Open(folder.Root, options with { DicomPatients = false }), new SplitOptions()).Test.Count);
    }

    [Fact]
    public void OnePatientIdForAll_IsRefusedWithWhatHelps()
    {
        using TemporaryFolder folder = new();
        for (int i = 0; i < 60; i++) Dicom(folder, "ANONYMOUS", i);
        DatasetOptions options = new() { Dicom = DicomVoi.Window(0, 100) };
        DatasetException e = Assert.Throws<DatasetException>(() => Splits.Of(Dataset.Open(folder.Root, options), new SplitOptions()));
        Assert.Contains("found no sample for validation, among 60 of one patient", e.Message, StringComparison.Ordinal);
        Assert.Contains("--ignore-dicom-patients", e.Message, StringComparison.Ordinal);
        Assert.NotEmpty(Splits.Of(Dataset.Open(folder.Root, options with { DicomPatients = false }), new SplitOptions()).Test);
    }

    [Fact]
    public void LinksToFolders_AreRefused_AndThoseToFilesRead()
    {
        using TemporaryFolder folder = new();
        Put(folder, "a", "1.bmp");
        Put(folder, "b", "1.bmp");
        File.CreateSymbolicLink(folder["b", "2.bmp"], folder["a", "1.bmp"]);
        Assert.Equal(3, Dataset.Open(folder.Root, new DatasetOptions()).Samples.Count);
        Directory.CreateSymbolicLink(folder["b", "loop"], folder.Root);
        DatasetException e = Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions()));
        Assert.Contains("'b/loop' is a link to a folder", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Notice_IsPartOfTheDescription()
    {
        using TemporaryFolder folder = new();
        Put(folder, "a", "1.bmp");
        Put(folder, "b", "1.bmp");
        Assert.Null(Dataset.Open(folder.Root, new DatasetOptions()).Notice);
        File.WriteAllText(folder["NOTICE.txt"], "\uFEFFDrawn pictures,\r\nnot for clinical use.\n");
        Dataset dataset = Dataset.Open(folder.Root, new DatasetOptions());
        Assert.Equal("Drawn pictures, not for clinical use.", dataset.Notice);
        Assert.EndsWith("2 classes. Drawn pictures, not for clinical use.", dataset.Description, StringComparison.Ordinal);

        File.WriteAllText(folder["NOTICE.txt"], " \n");
        Assert.Null(Dataset.Open(folder.Root, new DatasetOptions()).Notice);
        File.WriteAllText(folder["NOTICE.txt"], new string('x', 100_000) + "\e[2J");
        Assert.Equal(new string('x', 400) + "…", Dataset.Open(folder.Root, new DatasetOptions()).Notice);
        File.WriteAllBytes(folder["NOTICE.txt"], [0x1B, (byte)'[', 0xFF]);
        Assert.Equal("?[\uFFFD", Dataset.Open(folder.Root, new DatasetOptions()).Notice);
    }

    private static void Dicom(TemporaryFolder folder, string patient, int number, string part = "")
    {
        TestDicom dicom = TestDicom.Gray(2, 1, [(short)number, 100], more: d => d.Text(0x00100020, "LO", patient));
        File.WriteAllBytes(folder[part, number % 2 == 0 ? "a" : "b", $"{number}"], dicom.File());
    }

    [Fact]
    public void FoldersOfParts_AreTheSplit()
    {
        using TemporaryFolder folder = new();
        foreach (string part in (string[])["train", "Validation", "test"])
        {
            Put(folder, part, "sick", "1.bmp");
            Put(folder, part, "healthy", "1.bmp");
        }

        Dataset dataset = Dataset.Open(folder.Root, new DatasetOptions { Labels = ["sick", "healthy"] });
        Splits splits = Splits.Of(dataset, new SplitOptions());

        Assert.Equal(["sick", "healthy"], dataset.Labels);
        Assert.Equal(["train/healthy/1.bmp", "train/sick/1.bmp"], splits.Train.Select(i => dataset.Samples[i].Id));
        Assert.Equal(["Validation/healthy/1.bmp", "Validation/sick/1.bmp"], splits.Validation.Select(i => dataset.Samples[i].Id));
        Assert.Equal(2, splits.Test.Count);
    }

    [Fact]
    public void FilesThatAreNoPictures_AreNamedAllAtOnce()
    {
        using TemporaryFolder folder = new();
        Put(folder, "a", "good.bmp");
        File.WriteAllText(folder["a", "notes.txt"], "not a picture");
        File.WriteAllText(folder["b", "empty.png"], "");

        DatasetException e = Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions()));

        Assert.Contains("2 faults", e.Message, StringComparison.Ordinal);
        Assert.Contains("'a/notes.txt': found a file that begins with 6e6f7420", e.Message, StringComparison.Ordinal);
        Assert.Contains("'b/empty.png': found an empty file", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ManyFaults_AreListedUpToALimit()
    {
        using TemporaryFolder folder = new();
        Put(folder, "a", "good.bmp");
        for (int i = 0; i < 30; i++) File.WriteAllText(folder["b", $"{i:00}.txt"], "text");

        DatasetException e = Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions()));

        Assert.Contains("30 faults", e.Message, StringComparison.Ordinal);
        Assert.Contains("'b/19.txt'", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("'b/20.txt'", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("and 10 more", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FoldersThatAreNoDataset_AreRefused()
    {
        using TemporaryFolder folder = new();
        Refused("found 0 labels");
        Put(folder, "a", "1.bmp");
        Refused("found 1 label, expected 2");
        Directory.CreateDirectory(folder["empty"]);
        Refused("the folder 'empty' holds no file");
        Put(folder, "empty", "1.bmp");
        Put(folder, "train", "1.bmp");
        Refused("found the folder 'a' beside 'train'");
        Assert.Contains("neither a file nor a folder", Assert.Throws<DatasetException>(() => Dataset.Open(folder["none"], new DatasetOptions())).Message, StringComparison.Ordinal);
        File.WriteAllText(folder["data.zip"], "");
        Assert.Contains("a file of another kind", Assert.Throws<DatasetException>(() => Dataset.Open(folder["data.zip"], new DatasetOptions())).Message, StringComparison.Ordinal);

        void Refused(string reason) => Assert.Contains(reason, Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherLabelsThanThoseGiven_AreRefused()
    {
        using TemporaryFolder folder = new();
        Put(folder, "a", "1.bmp");
        Put(folder, "b", "1.bmp");
        DatasetException e = Assert.Throws<DatasetException>(() => Dataset.Open(folder.Root, new DatasetOptions { Labels = ["a", "c"] }));
        Assert.Contains("found the labels a, b, expected those that were given: a, c", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Digest_IsOfNamesLabelsAndLengths_NotOfThePlace()
    {
        using TemporaryFolder one = new(), other = new();
        foreach (TemporaryFolder folder in (TemporaryFolder[])[one, other])
        {
            Put(folder, "a", "1.bmp");
            Put(folder, "b", "1.bmp");
        }
        string digest = Digest(one);
        Assert.Equal(64, digest.Length);
        Assert.Equal(digest, Digest(other));

        File.WriteAllBytes(other["b", "1.bmp"], Bitmaps.Of(5, 4, 1, 2, 3));
        Assert.NotEqual(digest, Digest(other));
        File.Copy(one["b", "1.bmp"], other["b", "1.bmp"], overwrite: true);
        Assert.Equal(digest, Digest(other));
        File.Move(other["b", "1.bmp"], other["b", "2.bmp"]);
        Assert.NotEqual(digest, Digest(other));

        static string Digest(TemporaryFolder folder) => Dataset.Open(folder.Root, new DatasetOptions()).Digest;
    }

    private static void Put(TemporaryFolder folder, params string[] parts) => File.WriteAllBytes(folder[parts], Bitmaps.Of(4, 4, 10, 20, 30));
}
