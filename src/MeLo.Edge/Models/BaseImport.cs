using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// Makes a base package of a checkpoint. It streams: besides the mapped checkpoint, memory holds two weights at a time, and at most 256 MiB of
/// calibration pictures. The package
/// appears whole or not at all.
/// </summary>
public static class BaseImport
{
    /// <summary>Imports a checkpoint.</summary>
    /// <param name="checkpoint">A .safetensors file (F32, F16 or BF16), or a folder with model.safetensors and config.json.</param>
    /// <param name="outFolder">The package's folder; it must not exist, or be empty.</param>
    /// <param name="options">What to make of it; null for the defaults.</param>
    /// <param name="progress">Told after each weight, and after each picture and linear that is worked on.</param>
    /// <param name="cancellation">Ends the import; nothing is left behind.</param>
    /// <exception cref="ModelException">The checkpoint is not a Vision Transformer that is computed here, or the folder is in use.</exception>
    /// <exception cref="SafetensorsException">The checkpoint is not a well-formed safetensors file.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void Import(
        string checkpoint,
        string outFolder,
        BaseImportOptions? options = null,
        IProgress<BaseImportProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        options ??= new BaseImportOptions();
        if (options.Precisions.Count == 0 || options.Precisions.Distinct().Count() != options.Precisions.Count)
            throw ModelException.Option("precision", $"found {options.Precisions.Count} precisions, expected at least one, each once");
        if (options.CalibrationFolder is not null && options.Adapt == AdaptableSet.All)
            throw ModelException.Option("calibrate", "found every linear adaptable, expected query and value alone: weights that a task merges are rounded on the device, which has no pictures");
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(outFolder));
        // A link to an empty folder, on a larger disk perhaps, stays a link.
        if (Directory.Exists(target)) target = Directory.ResolveLinkTarget(target, returnFinalTarget: true)?.FullName ?? target;
        CheckFree(target);
        using Checkpoint source = Checkpoint.Open(checkpoint, options.Heads);
        VitArchitecture vit = source.Architecture;
        if (options.ImageSize is { } size)
        {
            vit = vit with { ImageSize = size };
            vit.Validate();
        }

        // Every picture is looked at now: a folder with one that is none is refused before anything is written, however long the import would take.
        CalibrationPictures? pictures = options.CalibrationFolder is { } calibration ? new CalibrationPictures(calibration, vit.ImageSize) : null;
        if (pictures is not null)
        {
            StepProgress looked = new(progress, BaseImportStep.Pictures, pictures.Count);
            foreach (float[] _ in pictures.All())
            {
                cancellation.ThrowIfCancellationRequested();
                looked.Add(1);
            }
        }

        // In the same parent, so that the last step is one rename.
        string parent = Path.GetDirectoryName(target) ?? throw ModelException.Option("out", $"found '{outFolder}', expected a folder that can be made");
        Directory.CreateDirectory(parent);
        string partial = Path.Combine(parent, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.partial");
        Directory.CreateDirectory(partial);
        try
        {
            WritePackage(partial, source, vit, options, pictures, progress, cancellation);
            CheckFree(target);
            if (Directory.Exists(target)) Directory.Delete(target);
            Directory.Move(partial, target);
        }
        catch
        {
            Discard(partial);
            throw;
        }
    }

    private static void Discard(string partial)
    {
        try { Directory.Delete(partial, recursive: true); }
        catch (IOException) { /* what went wrong before is the better message; the folder's name says that it is partial */ }
        catch (UnauthorizedAccessException) { /* likewise */ }
    }

    private static void WritePackage(
        string folder, Checkpoint source, VitArchitecture vit, BaseImportOptions options, CalibrationPictures? pictures, IProgress<BaseImportProgress>? progress,
        CancellationToken cancellation)
    {
        string weightsPath = Path.Combine(folder, BasePackage.WeightsFile);
        string digest = WriteWeights(weightsPath, source, vit, progress, cancellation);
        IReadOnlyList<VitLinear> adaptable = options.Adapt.Linears();
        LinearId[] linears = [.. BasePackage.EveryLayer(vit, adaptable)];
        List<BaseManifest.GraphFacts> graphs = [];
        using SafetensorsFile weights = SafetensorsFile.Open(weightsPath);
        foreach (Precision precision in options.Precisions)
        {
            cancellation.ThrowIfCancellationRequested();
            graphs.Add(WriteGraph(folder, precision, vit, weights, linears, digest, pictures, progress, cancellation));
        }
        cancellation.ThrowIfCancellationRequested();
        BaseManifest manifest = new()
        {
            Schema = BaseManifest.CurrentSchema,
            Digest = digest,
            Architecture = BaseManifest.ArchitectureFacts.Of(vit),
            Adaptable = [.. adaptable.Select(l => l.Name())],
            Weights = new BaseManifest.WeightsFacts(BasePackage.WeightsFile, weights.Tensors.Values.Min(t => t.Offset)),
            Graphs = graphs,
            Source = new BaseManifest.SourceFacts(
                Path.GetFileName(source.Path),
                BasePackage.Sha256(source.Path),
                source.Names.Scheme,
                [.. source.Weights.Select(w => source.Tensors[w.Name].Type.HeaderName()).Distinct().Order(StringComparer.Ordinal)],
                source.Architecture.ImageSize,
                source.Ignored),
            Created = options.Time.GetUtcNow(),
        };
        WriteDurably(Path.Combine(folder, BasePackage.ManifestFile), manifest.ToBytes());
    }

    private static BaseManifest.GraphFacts WriteGraph(
        string folder, Precision precision, VitArchitecture vit, SafetensorsFile weights, LinearId[] adaptable, string digest, CalibrationPictures? pictures,
        IProgress<BaseImportProgress>? progress, CancellationToken cancellation)
    {
        string? ownPath = BasePackage.OwnWeightsFile(precision) is { } ownFile ? Path.Combine(folder, ownFile) : null;
        if (precision == Precision.Fp16) HalfWeightsFile.Write(ownPath!, vit, weights, adaptable, cancellation);
        if (precision == Precision.Int8) WriteQuantized(ownPath!, vit, weights, [.. BasePackage.EveryLayer(vit, VitLinears.All).Except(adaptable)], pictures, progress, cancellation);
        using SafetensorsFile? own = ownPath is null ? null : SafetensorsFile.Open(ownPath);
        GraphBuilder graph = precision switch
        {
            Precision.Fp16 => VitGraph.BuildFp16(vit, weights, adaptable, own!),
            Precision.Int8 => VitGraph.BuildInt8(vit, weights, adaptable, own!),
            _ => VitGraph.Build(vit, weights, adaptable),
        };
        graph.Metadata["melo.base"] = digest;
        string file = BasePackage.GraphFile(precision), path = Path.Combine(folder, file);
        WriteDurably(path, OnnxWriter.ToBytes(graph));
        return new BaseManifest.GraphFacts(precision.Name(), file, BasePackage.Sha256(path), ownPath is null ? null : BasePackage.Sha256(ownPath));
    }

    private static void WriteQuantized(
        string path, VitArchitecture vit, SafetensorsFile weights, LinearId[] constant, CalibrationPictures? pictures, IProgress<BaseImportProgress>? progress, CancellationToken cancellation)
    {
        InputGrams? grams = null;
        if (pictures is not null)
        {
            StepProgress runs = new(progress, BaseImportStep.Calibration, pictures.Count);
            grams = InputGrams.Observe(vit, weights, Path.GetDirectoryName(path)!, constant, runs.Counting(pictures.All()), cancellation);
        }
        QuantizedWeightsFile.Write(path, vit, weights, constant, grams, new StepProgress(progress, BaseImportStep.Quantization, constant.Length), cancellation);
    }

    private static string WriteWeights(
        string path, Checkpoint source, VitArchitecture vit, IProgress<BaseImportProgress>? progress, CancellationToken cancellation)
    {
        using BaseDigest digest = new();
        WeightReader reader = new(source, vit);
        StepProgress written = new(progress, BaseImportStep.Weights, vit.ParameterCount * sizeof(float));
        // Both are in byte order of the same names; only the position embedding's shape may differ, when it is resampled.
        TensorSource[] tensors = [.. CanonicalWeights.Of(vit).Zip(source.Weights, Stream)];
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
        file.Flush(flushToDisk: true);
        return digest.Finish();

        TensorSource Stream(CanonicalWeight weight, CheckpointWeight from) => new(weight.Name, ElementType.F32, weight.Shape, stream =>
        {
            cancellation.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> data = reader.Read(from);
            digest.Begin(weight);
            digest.Append(data);
            stream.Write(data);
            written.Add(data.Length);
        });
    }

    private static void WriteDurably(string path, byte[] bytes)
    {
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    private static void CheckFree(string target)
    {
        if (File.Exists(target)) throw ModelException.Package(target, "found a file of that name, expected a folder that does not exist or is empty");
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
            throw ModelException.Package(target, "found a folder that is not empty, expected one that does not exist or is empty");
    }
}
