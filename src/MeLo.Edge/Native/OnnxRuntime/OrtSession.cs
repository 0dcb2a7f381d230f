using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>A named input or output of a session.</summary>
internal sealed record OrtPort(string Name, OrtTensorInfo Info);

/// <summary>
/// A loaded graph. Runs are thread-safe; they overlap unless the options gave it a turn to take, which then everything takes that allocates or frees on the session's device.
/// </summary>
internal sealed unsafe class OrtSession : OrtHandle
{
    private readonly Utf8Array _inputNames;
    private readonly Utf8Array _outputNames;
    private readonly Lock? _turn;
    private long _hostBytesIn;

    private OrtSession(nint pointer, Lock? turn)
        : base(pointer)
    {
        _turn = turn;
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

    /// <summary>The bytes of host memory that runs and bindings were given as inputs so far: what had to cross to a device, where the session runs on one.</summary>
    public long HostBytesIn => Volatile.Read(ref _hostBytesIn);

    /// <summary>Loads a model file, with external data beside it.</summary>
    /// <exception cref="OrtException">The file is missing or no valid model, or a provider could not take it.</exception>
    public static OrtSession Create(string modelPath, OrtSessionOptions options)
    {
        using Lock.Scope turn = TakeTurn(options.Turn);
        using Lease lease = options.Use();
        nint pointer = 0, status;
        // ORTCHAR_T: UTF-16 on Windows, bytes elsewhere.
        if (OperatingSystem.IsWindows())
        {
            fixed (char* path = modelPath)
                status = OrtLibrary.Api.CreateSession(OrtLibrary.Environment, path, lease.Pointer, &pointer);
        }
        else
        {
            using Utf8 path = new(modelPath);
            status = OrtLibrary.Api.CreateSession(OrtLibrary.Environment, path.Pointer, lease.Pointer, &pointer);
        }
        return Own(pointer, status, options.Turn);
    }

    /// <summary>Loads a model from memory, with external data in the folder that <see cref="OrtSessionOptions.WithExternalData"/> was told.</summary>
    /// <exception cref="OrtException">The bytes are no valid model, its external data is not there, or a provider could not take it.</exception>
    public static OrtSession Create(ReadOnlySpan<byte> model, OrtSessionOptions options)
    {
        using Lock.Scope turn = TakeTurn(options.Turn);
        using Lease lease = options.Use();
        nint pointer = 0, status;
        fixed (byte* bytes = model)
            status = OrtLibrary.Api.CreateSessionFromArray(OrtLibrary.Environment, bytes, (nuint)model.Length, lease.Pointer, &pointer);
        return Own(pointer, status, options.Turn);
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
        using Lock.Scope turn = TakeTurn();
        using Lease self = Use();
        using Lease bound = binding.Use();
        using OptionalLease run = new(options);
        ThrowIfFailed(OrtLibrary.Api.RunWithBinding(self.Pointer, run.Pointer, bound.Pointer));
    }

    /// <summary>
    /// How many nodes of each operator the runtime runs on the host although the session has another provider: <c>Cast</c> 2. Null where the
    /// runtime is too old to tell, or was not told to keep account (<c>session.record_ep_graph_assignment_info</c>).
    /// </summary>
    public IReadOnlyDictionary<string, int>? NodesOnHost()
    {
        if (!OrtLibrary.HasAssignments) return null;
        OrtApi api = OrtLibrary.Api;
        using Lease self = Use();
        nint* subgraphs; // these and what they hold belong to the session
        nuint count;
        nint status = api.Session_GetEpGraphAssignmentInfo(self.Pointer, &subgraphs, &count);
        if (status != 0)
        {
            api.ReleaseStatus(status);
            return null;
        }
        SortedDictionary<string, int> found = new(StringComparer.Ordinal);
        for (nuint i = 0; i < count; i++)
        {
            byte* provider;
            OrtException.ThrowIfFailed(api.EpAssignedSubgraph_GetEpName(subgraphs[i], &provider));
            if (Marshal.PtrToStringUTF8((nint)provider) != "CPUExecutionProvider") continue;
            nint* nodes;
            nuint nodeCount;
            OrtException.ThrowIfFailed(api.EpAssignedSubgraph_GetNodes(subgraphs[i], &nodes, &nodeCount));
            for (nuint n = 0; n < nodeCount; n++)
            {
                byte* type;
                OrtException.ThrowIfFailed(api.EpAssignedNode_GetOperatorType(nodes[n], &type));
                string name = Marshal.PtrToStringUTF8((nint)type)!;
                found[name] = found.GetValueOrDefault(name) + 1;
            }
        }
        return found;
    }

    /// <summary>The turn of this session's native calls, until the result is disposed.</summary>
    internal Lock.Scope TakeTurn() => TakeTurn(_turn);

    /// <summary>Throws when a call that used the session failed. Needs the turn, where the session has one to take: whose call it was that the device failed is not said.</summary>
    internal void ThrowIfFailed(nint status) => ThrowIfFailed(status, _turn);

    /// <summary>Counts an input that is given to the session from host memory.</summary>
    internal void CountInput(OrtValue value)
    {
        if (value.HostBytes > 0) Interlocked.Add(ref _hostBytesIn, value.HostBytes);
    }

    private static void ThrowIfFailed(nint status, Lock? turn)
    {
        // Sessions that share a device take turns on it; the others have nothing to do with what it says.
        if (turn is null) OrtException.ThrowIfFailed(status);
        else OrtException.ThrowIfFailedOnDevice(status);
    }

    private static OrtSession Own(nint pointer, nint status, Lock? turn)
    {
        try
        {
            ThrowIfFailed(status, turn);
        }
        catch
        {
            if (pointer != 0) OrtLibrary.Api.ReleaseSession(pointer);
            throw;
        }
        return new OrtSession(pointer, turn);
    }

    // A default scope holds nothing and lets go of nothing.
    private static Lock.Scope TakeTurn(Lock? turn) => turn is null ? default : turn.EnterScope();

    protected override void Release()
    {
        using Lock.Scope turn = TakeTurn();
        OrtLibrary.Api.ReleaseSession(handle);
        _inputNames?.Dispose(); // null when the constructor did not finish
        _outputNames?.Dispose();
    }

    private OrtValue[] Run(byte** inputNames, ReadOnlySpan<OrtValue> inputs, byte** outputNames, int outputCount, OrtRunOptions? options)
    {
        // A ViT has 2 or 6 adaptable matrices a layer and at most a few dozen layers: these stay small.
        nint* values = stackalloc nint[inputs.Length];
        nint* results = stackalloc nint[outputCount];
        new Span<nint>(results, outputCount).Clear();
        using Lock.Scope turn = TakeTurn();
        using Lease self = Use();
        using OptionalLease run = new(options);
        int held = 0;
        try
        {
            for (; held < inputs.Length; held++)
            {
                values[held] = new Lease(inputs[held]).Pointer;
                CountInput(inputs[held]);
            }
            ThrowIfFailed(OrtLibrary.Api.Run(
                self.Pointer, run.Pointer, inputNames, values, (nuint)inputs.Length, outputNames, (nuint)outputCount, results));
        }
        catch
        {
            for (int i = 0; i < outputCount; i++)
                if (results[i] != 0) OrtLibrary.Api.ReleaseValue(results[i]);
            throw;
        }
        finally
        {
            for (int i = 0; i < held; i++) inputs[i].DangerousRelease();
        }
        OrtValue[] outputs = new OrtValue[outputCount];
        for (int i = 0; i < outputCount; i++) outputs[i] = OrtValue.Own(results[i], this);
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
