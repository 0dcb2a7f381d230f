using System.Globalization;
using System.Security.Cryptography;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// An <c>.npz</c> file as MedMNIST has them (Yang et al., Scientific Data 10, 2023): <c>train_images</c> and <c>train_labels</c>, and the same for <c>val</c> and <c>test</c>. Pictures are uint8: [n,h,w] or
/// [n,h,w,1] gray, [n,h,w,3] colour, [n,d,h,w] volumes. Labels are [n] or [n,1] with the class's number, or [n,classes] with 0 or 1 for each.
/// </summary>
internal static class NpzSource
{
    /// <summary>More samples than any collection has; what an array of that many rows costs itself is bounded by it.</summary>
    private const int MaxSamples = 10_000_000;

    private const int MaxLabelBytes = 1 << 30;

    private static readonly (DatasetPart Part, string Name)[] s_parts = [(DatasetPart.Train, "train"), (DatasetPart.Validation, "val"), (DatasetPart.Test, "test")];

    private sealed record Part(DatasetPart Kind, string Name, byte[][] Pictures, long[] Labels, int LabelColumns);

    /// <exception cref="DatasetException">It is not such a file.</exception>
    public static Dataset Open(string path, DatasetOptions options)
    {
        string source = Path.GetFileName(path);
        List<Part> parts = [];
        int[]? shape = null;
        string? notice;
        using (NpzFile file = NpzFile.Open(path, source))
        {
            // An array under another name would be left out, and nobody would notice.
            if (file.Names.Except(s_parts.SelectMany(p => (string[])[$"{p.Name}_images", $"{p.Name}_labels"])).Order(StringComparer.Ordinal).FirstOrDefault() is { } unknown)
                throw DatasetException.Of(source, $"found the array {PrintableText.Of(unknown)}, expected train_images and train_labels, and the same for val and test");
            notice = file.Notice();
            long left = options.MaxArrayBytes;
            foreach ((DatasetPart kind, string name) in s_parts)
            {
                // The training samples are not optional: their lack says that it is another kind of file.
                if (kind != DatasetPart.Train && !file.Names.Contains($"{name}_images") && !file.Names.Contains($"{name}_labels")) continue;
                int[] rowShape = RowShape(file.Header($"{name}_images"), $"{source}: {name}_images", options.Limits);
                shape ??= rowShape;
                if (!rowShape.SequenceEqual(shape)) throw DatasetException.Of(source, $"found {name}_images of [{string.Join(',', rowShape)}] a sample, expected [{string.Join(',', shape)}] as in {parts[0].Name}_images");
                byte[][] pictures = file.Bytes($"{name}_images", left);
                left -= (long)pictures.Length * pictures[0].Length;
                parts.Add(Labelled(file, source, kind, name, pictures));
            }
        }
        int columns = parts[0].LabelColumns;
        if (parts.Find(p => p.LabelColumns != columns) is { } other)
            throw DatasetException.Of(source, $"found {other.LabelColumns} labels a sample in {other.Name}_labels, expected {columns} as in {parts[0].Name}_labels");

        IReadOnlyList<string> labels = Names(source, columns > 1 ? columns : (int)parts.Max(p => p.Labels.Max()) + 1, options.Labels);
        Sample[] samples = [.. parts.SelectMany(part => part.Pictures.Select((picture, row) =>
            new Sample($"{part.Name}/{row.ToString(CultureInfo.InvariantCulture)}", Targets(part, row, labels.Count), Patient: null, part.Kind) { Content = Convert.ToHexStringLower(SHA256.HashData(picture)) }))];
        byte[][] all = [.. parts.SelectMany(p => p.Pictures)];
        bool isVolume = shape!.Length == 3 && shape[2] is not (1 or 3);
        VolumeSlices? cuts = isVolume ? Cuts(shape, options) : null;
        return Dataset.Of(source, labels, columns > 1, samples, cuts is null ? new ArrayPictures(all, shape) : new ArrayVolumes(all, cuts), notice);
    }

    private static VolumeSlices Cuts(int[] shape, DatasetOptions options)
    {
        // A bundle says one number of slices along every axis.
        int most = Math.Min(VolumeSlices.Most(shape[0], shape[1], shape[2], options.Axes), VolumeRecipe.MaxSlices), count = options.Slices ?? most;
        return count >= 1 && count <= most
            ? new VolumeSlices(shape[0], shape[1], shape[2], options.Axes, count)
            : throw DatasetException.Of("slices", $"found {count}, expected 1 to {most} for volumes of {shape[0]} x {shape[1]} x {shape[2]}");
    }

    private static int[] RowShape(NpyHeader header, string place, DecodeLimits limits)
    {
        int[] row = [.. header.Shape.Skip(1)];
        if (row.Length is not (2 or 3))
            throw DatasetException.Of(place, $"found an array of shape {header.ShapeText}, expected [n,height,width], with 1 or 3 channels behind, or [n,depth,height,width]");
        if (header.Shape[0] > MaxSamples) throw DatasetException.Of(place, $"found {header.Shape[0]} samples, expected at most {MaxSamples}");
        if (row.Max() > limits.MaxSide) throw DatasetException.Of(place, $"found an array of shape {header.ShapeText}, expected sides of at most {limits.MaxSide}");
        return row;
    }

    private static Part Labelled(NpzFile file, string source, DatasetPart kind, string name, byte[][] pictures)
    {
        string place = $"{source}: {name}_labels";
        NpyHeader header = file.Header($"{name}_labels");
        if (header.Shape.Count > 2 || header.Shape[0] != pictures.Length)
            throw DatasetException.Of(place, $"found an array of shape {header.ShapeText}, expected [{pictures.Length},1] or [{pictures.Length},classes] for as many pictures");
        int columns = header.Shape.Count == 2 ? header.Shape[1] : 1;
        int most = columns > 1 ? 1 : Dataset.MaxLabels - 1;
        long[] labels = file.Integers($"{name}_labels", MaxLabelBytes);
        int wrong = Array.FindIndex(labels, label => label < 0 || label > most);
        if (wrong >= 0) throw DatasetException.Of(place, $"found {labels[wrong]} in row {wrong / columns}, expected 0 to {most}");
        return new Part(kind, name, pictures, labels, columns);
    }

    private static IReadOnlyList<string> Names(string source, int classes, IReadOnlyList<string> wanted)
    {
        if (wanted.Count == 0) return [.. Enumerable.Range(0, classes).Select(c => c.ToString(CultureInfo.InvariantCulture))];
        return wanted.Count == classes ? wanted : throw DatasetException.Of(source, $"found {classes} classes, expected {wanted.Count} for the labels that were given: {string.Join(", ", wanted)}");
    }

    private static float[] Targets(Part part, int row, int classes)
    {
        float[] targets = new float[classes];
        if (part.LabelColumns == 1) targets[part.Labels[row]] = 1;
        else for (int c = 0; c < classes; c++) targets[c] = part.Labels[(row * classes) + c];
        return targets;
    }
}
