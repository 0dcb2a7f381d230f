using System.Text.Json;

namespace MeLo.Edge.Bundles;

/// <summary>The JSON form of <see cref="ModelCard"/>: every member but the settings is there, and what is not stated is null.</summary>
internal static class ModelCardJson
{
    public static ModelCard Parse(ReadOnlyMemory<byte> utf8, string source)
    {
        StrictJson json = new();
        ModelCard? card = json.Read(utf8, Read);
        return json.Faults.Count == 0 && card is not null
            ? card
            : throw BundleException.Of(BundleRefusal.InvalidDescription, source, json.Summary);
    }

    public static ModelCard Read(StrictObject card) => new()
    {
        Task = card.TextOrNull("task"),
        Dataset = card.ObjectOrNull("dataset", dataset => new CardDataset(
            dataset.TextOrNull("description"),
            dataset.ObjectOrNull("samples", samples => new CardSamples(
                samples.IntegerOrNull("train", 0), samples.IntegerOrNull("validation", 0), samples.IntegerOrNull("test", 0))))),
        Training = card.ObjectOrNull("training", training => new CardTraining(training.TextOrNull("learningRate"), training.IntegerOrNull("epochs", 0))
        {
            Settings = (training.Has("settings") ? training.Object("settings", settings => settings.Names.ToDictionary(n => n, settings.Text, StringComparer.Ordinal)) : null) ?? [],
        }),
        Metrics = card.Object("metrics", metrics => metrics.Names.ToDictionary(n => n, metrics.Number, StringComparer.Ordinal)) ?? [],
        IntendedUse = card.TextOrNull("intendedUse"),
        Licence = card.TextOrNull("licence"),
    };

    public static void Write(Utf8JsonWriter json, ModelCard card)
    {
        json.WriteStartObject();
        json.WriteString("task", card.Task);
        if (card.Dataset is not { } dataset) json.WriteNull("dataset");
        else
        {
            json.WriteStartObject("dataset");
            json.WriteString("description", dataset.Description);
            if (dataset.Samples is not { } samples) json.WriteNull("samples");
            else
            {
                json.WriteStartObject("samples");
                WriteInteger(json, "train", samples.Train);
                WriteInteger(json, "validation", samples.Validation);
                WriteInteger(json, "test", samples.Test);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        if (card.Training is not { } training) json.WriteNull("training");
        else
        {
            json.WriteStartObject("training");
            json.WriteString("learningRate", training.LearningRate);
            WriteInteger(json, "epochs", training.Epochs);
            if (training.Settings.Count > 0)
            {
                json.WriteStartObject("settings");
                foreach ((string name, string value) in training.Settings.OrderBy(s => s.Key, StringComparer.Ordinal)) json.WriteString(name, value);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteStartObject("metrics");
        // Sorted, so that equal cards give equal bytes.
        foreach ((string name, double value) in card.Metrics.OrderBy(m => m.Key, StringComparer.Ordinal)) json.WriteNumber(name, value);
        json.WriteEndObject();
        json.WriteString("intendedUse", card.IntendedUse);
        json.WriteString("licence", card.Licence);
        json.WriteEndObject();
    }

    private static void WriteInteger(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number) json.WriteNumber(name, number);
        else json.WriteNull(name);
    }
}
