using System.Globalization;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>
/// A volume of DICOM slices: the files of a series, or the frames of one file. They are ordered by their position along the slices' normal, and refused where one is missing, there twice, or lies otherwise; frames of a
/// file that does not say where they lie are taken in their order.
/// </summary>
internal static class DicomVolume
{
    // Nearer than that it is the same place: positions are written in hundredths of a millimetre at best.
    private const double SamePlace = 0.01;

    // What a distance may differ by from the usual one, as a share of it; beyond half of it another slice would have its place.
    private const double Unevenness = 0.1, Gap = 0.5;

    private sealed record Slice(DicomFile File, int Frame, DicomDataSet? Groups, SlicePlace? Place);

    /// <param name="files">The files, in any order.</param>
    /// <param name="voi">Which values become black and white. Percentiles are of the whole volume.</param>
    /// <param name="limits">What it may cost.</param>
    /// <exception cref="ImageException">A file is broken, over a limit, or of a compression that is not decoded here; or the slices make no volume.</exception>
    public static Volume Decode(IReadOnlyList<ReadOnlyMemory<byte>> files, DicomVoi voi, DecodeLimits limits)
    {
        DicomFile[] opened = [.. files.Select(f => DicomFile.Open(f, limits))];
        PixelDescription[] descriptions = [.. opened.Select(f => PixelDescription.Of(f.DataSet, limits))];
        CheckAlike(opened, descriptions);
        int depth = (int)Math.Min(int.MaxValue, descriptions.Sum(d => (long)d.Frames)), height = descriptions[0].Height, width = descriptions[0].Width;
        limits.CheckVolume(ImageFormat.DicomSeries, depth, height, width);
        List<Slice> slices = [.. opened.Zip(descriptions, Slices).SelectMany(s => s)];
        VolumeDirections? directions = Order(slices, isSeries: files.Count > 1);
        Volume volume = new(depth, height, width, Decode(slices, voi, height * width, limits));
        return directions is { } known ? volume.Turned(known) : volume;
    }

    private static IEnumerable<Slice> Slices(DicomFile file, PixelDescription description)
    {
        // Read once: each item is reached through those before it.
        DicomDataSet[] groups = description.Frames > 1 ? [.. file.DataSet.Items(DicomTag.PerFrameFunctionalGroups)] : [];
        for (int frame = 0; frame < description.Frames; frame++)
        {
            DicomDataSet? own = frame < groups.Length ? groups[frame] : null;
            // The one position of several frames would be the first one's.
            yield return new Slice(file, frame, own, description.Frames > 1 && own is null ? null : SlicePlace.Of(file.DataSet, own));
        }
    }

    private static void CheckAlike(DicomFile[] files, PixelDescription[] descriptions)
    {
        HashSet<string> instances = new(StringComparer.Ordinal);
        for (int i = 0; i < files.Length; i++)
        {
            (PixelDescription first, PixelDescription own) = (descriptions[0], descriptions[i]);
            if (own.Samples != 1 || own.Photometric == Photometric.PaletteColor) throw Broken("found slices in colour, expected gray ones");
            if ((own.Width, own.Height) != (first.Width, first.Height))
                throw Broken($"found slices of {first.Width} x {first.Height} and of {own.Width} x {own.Height} pixels, expected all of one size");
            if (Differs(DicomTag.SeriesInstanceUid)) throw Broken("found slices of several series (SeriesInstanceUID), expected one");
            if (Differs(new DicomTag(0x0020, 0x000D))) throw Broken("found slices of several studies (StudyInstanceUID), expected one");
            if (Differs(new DicomTag(0x0010, 0x0020))) throw Broken("found slices of several patients (PatientID), expected one");
            if (Differs(new DicomTag(0x0020, 0x0052))) throw Broken("found slices of several frames of reference (FrameOfReferenceUID), expected one");
            if (Differs(DicomTag.PixelSpacing)) throw Broken("found slices of several pixel spacings, expected one");
            if (files[i].DataSet.FirstText(DicomTag.SopInstanceUid) is { } instance && !instances.Add(instance))
                throw Broken("found one instance (SOPInstanceUID) with two contents, expected each slice once");

            bool Differs(DicomTag tag) => files[i].DataSet.Text(tag) != files[0].DataSet.Text(tag);
        }
    }

    // Sorts them; null where nobody knows how they lie.
    private static VolumeDirections? Order(List<Slice> slices, bool isSeries)
    {
        if (slices.Find(s => s.Place is null) is not null)
        {
            if (isSeries) throw Broken("found a slice without image position or orientation, expected them in each");
            return null;
        }
        SlicePlace first = slices[0].Place!.Value;
        if (slices.Exists(s => !s.Place!.Value.IsParallel(first))) throw Broken("found slices that do not lie parallel, such as a localizer among them; expected one stack");
        PatientVector normal = first.Normal;
        slices.Sort((a, b) => At(a).CompareTo(At(b)));
        CheckDistances([.. slices.Select(At)]);
        return new VolumeDirections(normal.ToSingle(), first.Row.ToSingle(), first.Column.ToSingle());

        double At(Slice slice) => slice.Place!.Value.Position.Dot(normal);
    }

    private static void CheckDistances(double[] positions)
    {
        if (positions.Length < 2) return;
        double[] distances = [.. positions.Skip(1).Zip(positions, (next, at) => next - at)];
        double usual = distances.Order().ElementAt((distances.Length - 1) / 2);
        for (int i = 0; i < distances.Length; i++)
        {
            if (distances[i] < SamePlace) throw Broken($"found two slices at {Millimetres(positions[i])}, expected one at each place");
            if (distances[i] > usual * (1 + Gap)) throw Broken($"found a gap: {Millimetres(distances[i])} behind slice {i + 1} of {positions.Length}, expected {Millimetres(usual)} as between the others");
            if (Math.Abs(distances[i] - usual) > usual * Unevenness)
                throw Broken($"found {Millimetres(distances[i])} behind slice {i + 1} of {positions.Length}, expected {Millimetres(usual)} as between the others");
        }

        static string Millimetres(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.###} mm");
    }

    private static float[] Decode(List<Slice> slices, DicomVoi voi, int plane, DecodeLimits limits)
    {
        float[] voxels = new float[(long)slices.Count * plane];
        GrayTransform[] transforms = new GrayTransform[slices.Count];
        // A file at a time is open, and as many as there are cores: some are decompressed by a program of its own.
        ParallelByFile(slices, limits, (pixels, slice) =>
        {
            transforms[slice] = new GrayTransform(slices[slice].File.DataSet, slices[slice].Groups, pixels.Description, voi);
            DicomDecoder.ReadValues(pixels, slices[slice].Frame, transforms[slice], voxels.AsSpan(slice * plane, plane));
        });
        double black = 0, white = 0;
        if (transforms.Select(t => t.Percentiles).Distinct().ToArray() is not [var percentiles]) throw Broken("found slices with a window and slices without one, expected all alike");
        if (percentiles is var (low, high)) (black, white) = (ValueRank.Percentile(voxels, low), ValueRank.Percentile(voxels, high));
        // Before the threads: a window that the file does not have is refused.
        Func<double, double>[] lights = [.. transforms.Select(t => t.Light(black, white))];
        Parallel.For(0, slices.Count, slice =>
        {
            foreach (ref float voxel in voxels.AsSpan(slice * plane, plane)) voxel = float.IsNaN(voxel) ? 0 : (float)lights[slice](voxel);
        });
        return voxels;
    }

    private static void ParallelByFile(List<Slice> slices, DecodeLimits limits, Action<DicomPixels, int> read)
    {
        IGrouping<DicomFile, int>[] files = [.. Enumerable.Range(0, slices.Count).GroupBy(i => slices[i].File)];
        try
        {
            Parallel.ForEach(files, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, file =>
            {
                DicomPixels pixels = DicomPixels.Open(file.Key, limits);
                foreach (int slice in file) read(pixels, slice);
            });
        }
        catch (AggregateException e)
        {
            // Of several faults the first: they are most often the same one.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.DicomSeries, fault);
}
