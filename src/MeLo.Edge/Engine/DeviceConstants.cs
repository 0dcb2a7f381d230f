using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The weights that no task changes, on a device once for all sessions of one precision: the graph of merged weights and the graph of mixed batches have
/// the same constants under the same names.
/// </summary>
internal sealed class DeviceConstants : IDisposable
{
    private readonly Dictionary<string, OrtValue> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OrtValue> _borrowed = new(StringComparer.Ordinal);

    /// <param name="package">The base.</param>
    /// <param name="precision">The precision of the sessions.</param>
    /// <param name="provider">Where they run.</param>
    /// <exception cref="OrtException">The device failed.</exception>
    public DeviceConstants(BasePackage package, Precision precision, Provider provider)
    {
        HashSet<string> inputs = [.. package.AdaptableLinears.Select(CanonicalWeights.LinearWeight)];
        using DeviceUpload upload = new(provider);
        try
        {
            using SafetensorsFile? own = package.OpenOwnWeights(precision);
            foreach (string name in package.Weights.Tensors.Keys.Where(n => !inputs.Contains(n)))
            {
                // What a precision's own file holds goes before the canonical weights, as in its graph.
                TensorView tensor = own?.Tensors.GetValueOrDefault(name) ?? package.Weights[name];
                _values.Add(name, upload.Send(tensor, tensor.Type));
                _borrowed.Add(name, _values[name].Borrow());
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gives them to a session that is to be created; they stay until it is gone.</summary>
    public OrtSessionOptions AddTo(OrtSessionOptions options)
    {
        foreach ((string name, OrtValue value) in _borrowed) options.WithConstant(name, value);
        return options;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (OrtValue value in _borrowed.Values) value.Dispose();
        foreach (OrtValue value in _values.Values) value.Dispose();
    }
}
