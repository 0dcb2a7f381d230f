using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>A named input or output of a session.</summary>
internal sealed record OrtPort(string Name, OrtTensorInfo Info);

/// <summary>A loaded graph. Runs are thread-safe; whether they may overlap is the execution provider's matter.</summary>
internal sealed unsafe class OrtSession : OrtHandle
{
    private readonly Utf8Array _inputNames;
    private readonly Utf8Array _outputNames;

    private OrtSession(nint pointer)
        : base(pointer)
    {
        OrtApi api = OrtLibrary.Api;
        Inputs = Ports(api.SessionGetInputCount, api.SessionGetInputName, api.SessionGetInputTypeInfo);
        Outputs = Ports(api.SessionGetOutputCount, api.SessionGetOutputName, api.SessionGetOutputTypeInfo);
        _inputNames = new Utf8Array([.. Inputs.Select(p => p.Name)]);
        _outputNames = new Utf8Array([.. Outputs.Select(p => p.Name)]);
    }

    /// <summary>The graph's inputs in its order.</summary>
    public IReadOnlyList<OrtPort> Inputs { get; }

    /// <summary>The graph's outputs in its order.</summary>
    public IReadOnlyList<OrtPort> Outputs { get; }

    /// <summary>Loads a model file, with external data beside it.</summary>
    /// <exception cref="OrtException">The file is missing or no valid model, or a provider could not take it.</exception>
    public static OrtSession Create(string modelPath, OrtSessionOptions options)
    {
        using Lease lease = options.Use();
        nint pointer;
        // ORTCHAR_T: UTF-16 on Windows, bytes elsewhere.
        if (OperatingSystem.IsWindows())
        {
            fixed (char* path = modelPath)
                OrtException.ThrowIfFailed(OrtLibrary.Api.CreateSession(OrtLibrary.Environment, path, lease.Pointer, &pointer));
        }
        else
        {
            using Utf8 path = new(modelPath);
            OrtException.ThrowIfFailed(OrtLibrary.Api.CreateSession(OrtLibrary.Environment, path.Pointer, lease.Pointer, &pointer));
        }
        return new OrtSession(pointer);
    }

    /// <summary>Loads a model from memory, with external data in the folder that <see cref="OrtSessionOptions.WithExternalData"/> was told.</summary>
    /// <exception cref="OrtException">The bytes are no valid model, its external data is not there, or a provider could not take it.</exception>
    public static OrtSession Create(ReadOnlySpan<byte> model, OrtSessionOptions options)
    {
        using Lease lease = options.Use();
        nint pointer;
        fixed (byte* bytes = model)
        {
            OrtException.ThrowIfFailed(OrtLibrary.Api.CreateSessionFromArray(
                OrtLibrary.Environment, bytes, (nuint)model.Length, lease.Pointer, &pointer));
        }
        return new OrtSession(pointer);
    }

    /// <summary>Runs the whole graph with values in the order of <see cref="Inputs"/>; the results come in the order of <see cref="Outputs"/>.</summary>
    /// <returns>Values that the caller disposes.</returns>
    /// <exception cref="OrtException">The run failed, or <paramref name="options"/> were told to terminate.</exception>
    public OrtValue[] Run(ReadOnlySpan<OrtValue> inputs, OrtRunOptions? options = null)
    {
        if (inputs.Length != Inputs.Count) throw new ArgumentException($"Found {inputs.Length} inputs, expected {Inputs.Count}.", nameof(inputs));
        return Run(_inputNames.Pointer, inputs, _outputNames.Pointer, Outputs.Count, options);
    }

    /// <summary>Runs the graph with named values.</summary>
    /// <returns>Values that the caller disposes.</returns>
    /// <exception cref="OrtException">The run failed, or <paramref name="options"/> were told to terminate.</exception>
    public OrtValue[] Run(ReadOnlySpan<string> inputNames, ReadOnlySpan<OrtValue> inputs, ReadOnlySpan<string> outputNames, OrtRunOptions? options = null)
    {
        if (inputs.Length != inputNames.Length) throw new ArgumentException($"Found {inputs.Length} inputs, expected {inputNames.Length}.", nameof(inputs));
        using Utf8Array inputTexts = new(inputNames);
        using Utf8Array outputTexts = new(outputNames);
        return Run(inputTexts.Pointer, inputs, outputTexts.Pointer, outputNames.Length, options);
    }

    /// <summary>Runs the graph with what is bound; outputs are then found in the binding.</summary>
    /// <exception cref="OrtException">The run failed, or <paramref name="options"/> were told to terminate.</exception>
    public void Run(OrtIoBinding binding, OrtRunOptions? options = null)
    {
        using Lease self = Use();
        using Lease bound = binding.Use();
        using OptionalLease run = new(options);
        OrtException.ThrowIfFailed(OrtLibrary.Api.RunWithBinding(self.Pointer, run.Pointer, bound.Pointer));
    }

    protected override bool ReleaseHandle()
    {
        OrtLibrary.Api.ReleaseSession(handle);
        _inputNames?.Dispose(); // null when the constructor did not finish
        _outputNames?.Dispose();
        return true;
    }

    private OrtValue[] Run(byte** inputNames, ReadOnlySpan<OrtValue> inputs, byte** outputNames, int outputCount, OrtRunOptions? options)
    {
        // A ViT has 2 or 6 adaptable matrices a layer and at most a few dozen layers: these stay small.
        nint* values = stackalloc nint[inputs.Length];
        nint* results = stackalloc nint[outputCount];
        new Span<nint>(results, outputCount).Clear();
        using Lease self = Use();
        using OptionalLease run = new(options);
        int held = 0;
        try
        {
            for (; held < inputs.Length; held++) values[held] = new Lease(inputs[held]).Pointer;
            OrtException.ThrowIfFailed(OrtLibrary.Api.Run(
                self.Pointer, run.Pointer, inputNames, values, (nuint)inputs.Length, outputNames, (nuint)outputCount, results));
        }
        finally
        {
            for (int i = 0; i < held; i++) inputs[i].DangerousRelease();
        }
        OrtValue[] outputs = new OrtValue[outputCount];
        for (int i = 0; i < outputCount; i++) outputs[i] = OrtValue.Own(results[i]);
        return outputs;
    }

    private OrtPort[] Ports(
        delegate* unmanaged<nint, nuint*, nint> getCount,
        delegate* unmanaged<nint, nuint, nint, byte**, nint> getName,
        delegate* unmanaged<nint, nuint, nint*, nint> getTypeInfo)
    {
        nuint count;
        OrtException.ThrowIfFailed(getCount(handle, &count));
        OrtPort[] ports = new OrtPort[count];
        for (nuint i = 0; i < count; i++)
        {
            byte* name;
            OrtException.ThrowIfFailed(getName(handle, i, OrtLibrary.HostAllocator, &name));
            string text = Marshal.PtrToStringUTF8((nint)name)!;
            OrtException.ThrowIfFailed(OrtLibrary.Api.AllocatorFree(OrtLibrary.HostAllocator, name));
            nint typeInfo;
            OrtException.ThrowIfFailed(getTypeInfo(handle, i, &typeInfo));
            ports[i] = new OrtPort(text, OrtTensorInfo.FromTypeInfo(typeInfo));
        }
        return ports;
    }

    /// <summary>A lease on options that may be absent.</summary>
    private readonly ref struct OptionalLease(OrtRunOptions? options)
    {
        private readonly Lease _lease = options is null ? default : options.Use();

        public nint Pointer => _lease.Pointer;

        public void Dispose()
        {
            if (Pointer != 0) _lease.Dispose();
        }
    }
}
