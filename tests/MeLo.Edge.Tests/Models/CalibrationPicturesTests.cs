using MeLo.Edge.Models;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Models;

public sealed class CalibrationPicturesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Folder_GivesItsPicturesInOrderOfTheirNames_Normalised()
    {
        File.WriteAllBytes(_folder["pictures", "b.bmp"], EngineFixture.Picture(2, size: 16));
        File.WriteAllBytes(_folder["pictures", "a.bmp"], EngineFixture.Picture(1, size: 16));
        float[][] pictures = [.. Pictures("pictures").All()];
        Assert.Equal(2, pictures.Length);
        byte[] file = EngineFixture.Picture(1, size: 16);
        // The first pixel's blue is the file's first byte of its last row.
        float blue = file[54 + (15 * 48)] / 255f;
        Assert.Equal((blue - 0.5f) / 0.5f, pictures[0][2 * 256], 1e-6f);
        Assert.NotEqual(pictures[0], pictures[1]);
    }

    [Fact]
    public void HiddenFiles_AndWhatWindowsLeavesAmongPictures_ArePassedOver()
    {
        File.WriteAllBytes(_folder["pictures", "a.bmp"], EngineFixture.Picture(1, size: 16));
        foreach (string name in (string[])[".DS_Store", "._a.bmp", "Thumbs.db", "thumbs.DB", "desktop.ini"]) File.WriteAllText(_folder["pictures", name], "not a picture");
        Assert.Single(Pictures("pictures").All());
    }

    [Fact]
    public void FolderWithoutPictures_OrWithWhatIsNone_IsRefused_ByTheFilesName()
    {
        File.WriteAllBytes(_folder["text", "1.bmp"], EngineFixture.Picture(1));
        File.WriteAllText(_folder["text", "2-notes.txt"], "not a picture");
        File.WriteAllBytes(_folder["broken", "half.bmp"], EngineFixture.Picture(1)[..100]);
        Directory.CreateDirectory(Path.Combine(_folder.Root, "empty"));
        File.WriteAllBytes(_folder["hidden", ".1.bmp"], EngineFixture.Picture(1));
        Refused("found no picture in", "empty");
        Refused("found no picture in", "hidden");
        Refused("found no folder", "absent");
        Refused("'2-notes.txt' in", "text");
        Refused("'half.bmp' in", "broken");

        void Refused(string what, string folder) =>
            Assert.Contains(what, Assert.Throws<ModelException>(() => Pictures(folder).All().ToArray()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PicturesThatFitIntoTheBudget_AreDecodedOnce_TheOthersEachTime()
    {
        for (int i = 0; i < 3; i++) File.WriteAllBytes(_folder["pictures", $"{i}.bmp"], EngineFixture.Picture(i, size: 16));
        const long One = 3 * 16 * 16 * sizeof(float);
        CalibrationPictures all = Pictures("pictures"), two = Pictures("pictures", budget: (3 * One) - 1), none = Pictures("pictures", budget: One - 1);
        float[][] first = [.. all.All()];
        Assert.Equal(first, two.All());
        Assert.Equal(first, none.All());
        for (int i = 0; i < 3; i++) File.WriteAllBytes(_folder["pictures", $"{i}.bmp"], EngineFixture.Picture(10 + i, size: 16));
        float[][] changed = [.. none.All()];
        Assert.All(Enumerable.Range(0, 3), i => Assert.NotEqual(first[i], changed[i]));
        Assert.Equal(first, all.All());
        Assert.Equal([first[0], first[1], changed[2]], two.All());
    }

    private CalibrationPictures Pictures(string folder, long budget = CalibrationPictures.KeptBytes) => new(Path.Combine(_folder.Root, folder), 16, budget);

    public void Dispose() => _folder.Dispose();
}
