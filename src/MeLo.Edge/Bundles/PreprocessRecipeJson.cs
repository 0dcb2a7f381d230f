using System.Text;
using System.Text.Json;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Bundles;

/// <summary>
/// The JSON form of a preprocessing recipe: <c>{"resize":"squash","size":224,"interpolation":"bicubic","mean":[…],"std":[…]}</c>, or
/// <c>"resize":"shortest"</c> with <c>"shortestSide":256</c>; <c>"orientation":"exif"</c> turns the picture first.
/// </summary>
public static class PreprocessRecipeJson
{
    private const string Squash = "squash";
    private const string Shortest = "shortest";
    private const string Bilinear = "bilinear";
    private const string Bicubic = "bicubic";
    private const string Exif = "exif";

    /// <summary>Reads a recipe on its own.</summary>
    /// <exception cref="BundleException">It is not a recipe; the message lists every fault with its JSON path.</exception>
    public static PreprocessRecipe Parse(ReadOnlyMemory<byte> utf8, string source)
    {
        StrictJson json = new();
        PreprocessRecipe? recipe = json.Read(utf8, r => Read(r, json));
        return json.Faults.Count == 0 && recipe is not null
            ? recipe
            : throw BundleException.Of(BundleRefusal.InvalidDescription, source, json.Summary);
    }

    internal static PreprocessRecipe? Read(StrictObject recipe, StrictJson json)
    {
        int before = json.Faults.Count;
        ResizeMode resize = recipe.Choice("resize", (Squash, ResizeMode.Squash), (Shortest, ResizeMode.ShortestSide));
        int? shortestSide = recipe.Has("shortestSide") ? recipe.Integer("shortestSide", 1, PreprocessRecipe.MaxSize) : null;
        int size = recipe.Integer("size", 1, PreprocessRecipe.MaxSize);
        Interpolation interpolation = recipe.Choice("interpolation", (Bilinear, Interpolation.Bilinear), (Bicubic, Interpolation.Bicubic));
        float[] mean = [.. recipe.Numbers("mean").Select(n => (float)n)];
        float[] std = [.. recipe.Numbers("std").Select(n => (float)n)];
        bool orientation = recipe.Has("orientation") && recipe.Choice("orientation", (Exif, true));
        if (json.Faults.Count > before) return null;
        try
        {
            return new PreprocessRecipe(resize, size, interpolation, mean, std, shortestSide, orientation);
        }
        catch (ImageException e)
        {
            json.Add(recipe.Path, e.Message);
            return null;
        }
    }

    /// <summary>The recipe as a line of JSON; equal recipes give equal lines.</summary>
    internal static string ToText(PreprocessRecipe recipe)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream)) Write(json, recipe);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    internal static void Write(Utf8JsonWriter json, PreprocessRecipe recipe)
    {
        json.WriteStartObject();
        json.WriteString("resize", recipe.Resize == ResizeMode.Squash ? Squash : Shortest);
        if (recipe.ShortestSide is { } side) json.WriteNumber("shortestSide", side);
        json.WriteNumber("size", recipe.Size);
        json.WriteString("interpolation", recipe.Interpolation == Interpolation.Bilinear ? Bilinear : Bicubic);
        WriteNumbers("mean", recipe.Mean.AsSpan());
        WriteNumbers("std", recipe.Std.AsSpan());
        if (recipe.HonourOrientation) json.WriteString("orientation", Exif);
        json.WriteEndObject();

        void WriteNumbers(string name, ReadOnlySpan<float> values)
        {
            json.WriteStartArray(name);
            foreach (float value in values) json.WriteNumberValue(value);
            json.WriteEndArray();
        }
    }
}
