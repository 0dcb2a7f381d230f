using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Service.Demo;

/// <summary>The demonstration's task that takes volumes, and the volumes that it drops into its inbox: synthetic phantoms.</summary>
internal static class DemoVolumes
{
    private const ulong FirstSeed = 4400;

    private static readonly (string Name, Func<Volume, byte[]> Write)[] s_formats =
    [
        ("array.npy", NpyFile.Write),
        ("plain.nii", volume => NiftiFile.Write(volume, isCompressed: false)),
        ("packed.nii.gz", volume => NiftiFile.Write(volume, isCompressed: true)),
    ];

    /// <summary>The task's name.</summary>
    public static string TaskName => OrganPhantom.Name;

    /// <summary>What the volumes are drawn as, and the head's labels.</summary>
    public static IReadOnlyList<string> Labels => OrganPhantom.Labels;

    /// <summary>One volume a format, of different sizes, both labels in turn.</summary>
    public static IEnumerable<DemoPicture> Drawn()
    {
        for (int i = 0; i < s_formats.Length; i++)
        {
            int label = i % Labels.Count;
            yield return new DemoPicture(TaskName, $"{TaskName}-{i + 1}-{s_formats[i].Name}", Labels[label], s_formats[i].Write(OrganPhantom.Draw(FirstSeed + (ulong)i, label, 32 + (8 * i))));
        }
    }
}
