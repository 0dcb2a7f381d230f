using System.Text.Json;
using System.Text.Json.Serialization;
using MeLo.Edge.Tensors;
using MeLo.Edge.Training.Optimization;
using MeLo.Edge.Training.Reports;

namespace MeLo.Edge.Training;

/// <summary>
/// What training needs to go on after an epoch, in one safetensors file that is there whole or not at all: the parameters, what the optimiser remembers of them, their
/// means, the best ones, and in its metadata what the epochs came to and what was being trained.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="identity">What is trained: a state of another training is refused.</param>
/// <param name="advice">What to do about a state that is refused.</param>
internal sealed class TrainingStateFile(string path, TrainingIdentity identity, string advice)
{
    private const string Schema = "melo.training-state/2";
    private const string EpochsKey = "epochs", IdentityKey = "identity", SchemaKey = "schema";
    private const string Values = "values/", First = "first_moment/", Second = "second_moment/", Mean = "mean/", Best = "best/";

    // A class that the validation samples lack has no AUC.
    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Where a state is while it is written; a kill may leave it.</summary>
    public static string PartialOf(string path) => $"{path}.partial";

    /// <summary>Whether there is one.</summary>
    public bool Exists => File.Exists(path);

    /// <summary>Takes up what was kept; null where nothing was.</summary>
    /// <param name="parameters">Get their values and moments.</param>
    /// <param name="average">Gets its means.</param>
    /// <exception cref="TrainingException">The file is another training's, or no such file.</exception>
    public TrainingHistory? Read(IReadOnlyList<LearnedParameter> parameters, ParameterAverage average)
    {
        if (!Exists) return null;
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            if (file.Metadata.GetValueOrDefault(SchemaKey) != Schema) throw Fault($"found schema '{file.Metadata.GetValueOrDefault(SchemaKey)}', expected '{Schema}'");
            CheckIdentity(TrainingIdentity.Parse(file.Metadata[IdentityKey]));
            EpochRecord[] epochs = JsonSerializer.Deserialize<EpochRecord[]>(file.Metadata[EpochsKey], s_json)!;
            foreach ((LearnedParameter parameter, float[] mean) in parameters.Zip(average.Values))
            {
                file[Values + parameter.Name].CopyTo(parameter.Values, 0);
                file[First + parameter.Name].CopyTo(parameter.FirstMoment, 0);
                file[Second + parameter.Name].CopyTo(parameter.SecondMoment, 0);
                file[Mean + parameter.Name].CopyTo(mean, 0);
            }
            return new TrainingHistory(epochs, [.. parameters.Select(p => file[Best + p.Name].ToSingles())]);
        }
        catch (Exception e) when (e is SafetensorsException or JsonException or KeyNotFoundException or ArgumentException)
        {
            throw Fault(e.Message, e);
        }
    }

    /// <summary>Refuses what was kept, if it is another training's.</summary>
    /// <exception cref="TrainingException">It is, or no state at all.</exception>
    public void Check() => Read([], new ParameterAverage([], 1));

    /// <summary>Keeps how things stand after an epoch.</summary>
    public void Write(TrainingHistory history, IReadOnlyList<LearnedParameter> parameters, ParameterAverage average)
    {
        List<TensorSource> tensors = [];
        for (int i = 0; i < parameters.Count; i++)
        {
            LearnedParameter p = parameters[i];
            tensors.AddRange(
            [
                TensorSource.FromSingles(Values + p.Name, p.Shape, p.Values), TensorSource.FromSingles(First + p.Name, p.Shape, p.FirstMoment),
                TensorSource.FromSingles(Second + p.Name, p.Shape, p.SecondMoment), TensorSource.FromSingles(Mean + p.Name, p.Shape, average.Values[i]), TensorSource.FromSingles(Best + p.Name, p.Shape, history.BestValues![i]),
            ]);
        }
        Dictionary<string, string> metadata = new()
        {
            [SchemaKey] = Schema,
            [IdentityKey] = identity.ToJson(),
            [EpochsKey] = JsonSerializer.Serialize(history.Epochs, s_json),
        };
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string temporary = PartialOf(path);
        try
        {
            using (FileStream file = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                SafetensorsWriter.Write(file, tensors, metadata);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            // A full disk is to have room again.
            File.Delete(temporary);
            throw;
        }
    }

    private void CheckIdentity(TrainingIdentity found)
    {
        string differences = identity.Differences(found);
        if (differences.Length > 0) throw Fault($"found the state of another training, expected one of this: {differences}");
    }

    private TrainingException Fault(string what, Exception? cause = null) => new($"{path}: {what}; {advice}", cause);
}
