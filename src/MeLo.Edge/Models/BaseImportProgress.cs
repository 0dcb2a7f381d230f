namespace MeLo.Edge.Models;

/// <summary>What an import does, in this order; a step that the options do not ask for is left out.</summary>
public enum BaseImportStep
{
    /// <summary>Looking whether every calibration picture is one; counted in pictures.</summary>
    Pictures,
    /// <summary>Writing the canonical weights; counted in bytes.</summary>
    Weights,
    /// <summary>Running the model on the calibration pictures; counted in runs, two a picture.</summary>
    Calibration,
    /// <summary>Quantising the weights of the int8 graph; counted in linears.</summary>
    Quantization,
}

/// <summary>How far an import has come.</summary>
/// <param name="Step">What it does.</param>
/// <param name="Done">How much of it is done: pictures, bytes, runs or linears.</param>
/// <param name="Total">How much there is to do.</param>
public sealed record BaseImportProgress(BaseImportStep Step, long Done, long Total);
