namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>How a session is created: threads, optimisation level, execution providers, named settings.</summary>
internal sealed unsafe class OrtSessionOptions : OrtHandle
{
    private const int AllOptimizations = 99; // ORT_ENABLE_ALL
    private const int Sequential = 0;        // ORT_SEQUENTIAL: one operator at a time, each using all threads
    private const int Errors = 3;            // ORT_LOGGING_LEVEL_ERROR

    public OrtSessionOptions()
        : base(Create())
    {
        using Lease self = Use();
        OrtException.ThrowIfFailed(OrtLibrary.Api.SetSessionGraphOptimizationLevel(self.Pointer, AllOptimizations));
        OrtException.ThrowIfFailed(OrtLibrary.Api.SetSessionExecutionMode(self.Pointer, Sequential));
        OrtException.ThrowIfFailed(OrtLibrary.Api.SetSessionLogSeverityLevel(self.Pointer, Errors));
    }

    /// <summary>The number of threads that share one operator, the calling one included; 0 lets the runtime take one a physical core.</summary>
    public OrtSessionOptions WithThreads(int count)
    {
        using Lease self = Use();
        OrtException.ThrowIfFailed(OrtLibrary.Api.SetIntraOpNumThreads(self.Pointer, count));
        return this;
    }

    /// <summary>A named setting (onnxruntime_session_options_config_keys.h).</summary>
    public OrtSessionOptions With(string key, string value)
    {
        using Lease self = Use();
        using Utf8 keyText = new(key);
        using Utf8 valueText = new(value);
        OrtException.ThrowIfFailed(OrtLibrary.Api.AddSessionConfigEntry(self.Pointer, keyText.Pointer, valueText.Pointer));
        return this;
    }

    /// <summary>Where the files lie that a model from memory refers to; only reading is needed there.</summary>
    public OrtSessionOptions WithExternalData(string folder) => With("session.model_external_initializers_file_folder_path", folder);

    /// <summary>Gives one of the graph's constants, in place of the data that the model refers to: it is used where it lies, and stays until the session is gone.</summary>
    /// <param name="name">The constant.</param>
    /// <param name="value">A value over memory that it does not own, of the constant's type and shape.</param>
    public OrtSessionOptions WithConstant(string name, OrtValue value)
    {
        using Lease self = Use();
        using Lease bound = value.Use();
        using Utf8 text = new(name);
        OrtException.ThrowIfFailed(OrtLibrary.Api.AddInitializer(self.Pointer, text.Pointer, bound.Pointer));
        return this;
    }

    /// <summary>Lets the session's graph use the operators of a domain.</summary>
    public OrtSessionOptions WithOperators(OrtOperatorDomain domain)
    {
        using Lease self = Use();
        OrtException.ThrowIfFailed(OrtLibrary.Api.AddCustomOpDomain(self.Pointer, domain.Pointer));
        return this;
    }

    /// <summary>
    /// The turn that every native call of a session takes (its creation, runs, copies of inputs), for providers whose sessions must not work at
    /// the same time; null where they may.
    /// </summary>
    public Lock? Turn { get; private set; }

    /// <summary>Has every session that takes the same lock wait for the others.</summary>
    public OrtSessionOptions OneAtATime(Lock turn)
    {
        Turn = turn;
        return this;
    }

    /// <summary>Plans no memory ahead from the shapes of earlier runs.</summary>
    public OrtSessionOptions WithoutMemoryPattern()
    {
        using Lease self = Use();
        OrtException.ThrowIfFailed(OrtLibrary.Api.DisableMemPattern(self.Pointer));
        return this;
    }

    /// <summary>Appends an execution provider by the runtime's short name (<c>WebGPU</c>, <c>DML</c> …); the CPU always comes last by itself.</summary>
    /// <exception cref="OrtException">The library does not have it, or its driver is missing.</exception>
    public OrtSessionOptions WithProvider(string name, IReadOnlyDictionary<string, string>? settings = null)
    {
        settings ??= new Dictionary<string, string>();
        using Utf8Array keys = new([.. settings.Keys]);
        using Utf8Array values = new([.. settings.Values]);
        using Lease self = Use();
        using Utf8 text = new(name);
        OrtException.ThrowIfFailed(OrtLibrary.Api.SessionOptionsAppendExecutionProvider(
            self.Pointer, text.Pointer, keys.Pointer, values.Pointer, (nuint)settings.Count));
        return this;
    }

    /// <summary>Appends the CUDA provider, which has options of a type of its own.</summary>
    /// <exception cref="OrtException">Its library, or one that it needs, is missing or does not fit, or an option is unknown.</exception>
    public OrtSessionOptions WithCuda(IReadOnlyDictionary<string, string> settings)
    {
        OrtApi api = OrtLibrary.Api;
        nint cuda;
        OrtException.ThrowIfFailed(api.CreateCUDAProviderOptions(&cuda));
        try
        {
            using Utf8Array keys = new([.. settings.Keys]);
            using Utf8Array values = new([.. settings.Values]);
            OrtException.ThrowIfFailed(api.UpdateCUDAProviderOptions(cuda, keys.Pointer, values.Pointer, (nuint)settings.Count));
            using Lease self = Use();
            OrtException.ThrowIfFailed(api.SessionOptionsAppendExecutionProvider_CUDA_V2(self.Pointer, cuda));
        }
        finally
        {
            api.ReleaseCUDAProviderOptions(cuda);
        }
        return this;
    }

    protected override void Release()
    {
        OrtLibrary.Api.ReleaseSessionOptions(handle);
    }

    private static nint Create()
    {
        nint pointer;
        OrtException.ThrowIfFailed(OrtLibrary.Api.CreateSessionOptions(&pointer));
        return pointer;
    }
}
