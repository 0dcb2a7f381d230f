using System.Text.Json;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Bundles;

/// <summary>The JSON form of <see cref="VolumeRecipe"/>: <c>{"axes":"axial","slices":28,"aggregate":"mean-logits"}</c>.</summary>
internal static class VolumeRecipeJson
{
    private static readonly (string Text, VolumeAxes Value)[] s_axes =
        [("axial", VolumeAxes.Axial), ("coronal", VolumeAxes.Coronal), ("sagittal", VolumeAxes.Sagittal), ("all", VolumeAxes.All)];

    public static VolumeRecipe Read(StrictObject volume) =>
        new(volume.Choice("axes", s_axes), volume.Integer("slices", 1, VolumeRecipe.MaxSlices), volume.Choice("aggregate", [.. SliceAggregations.All]));

    public static void Write(Utf8JsonWriter json, VolumeRecipe volume)
    {
        json.WriteStartObject();
        json.WriteString("axes", s_axes.Single(a => a.Value == volume.Axes).Text);
        json.WriteNumber("slices", volume.Slices);
        json.WriteString("aggregate", volume.Aggregation.Name());
        json.WriteEndObject();
    }
}
