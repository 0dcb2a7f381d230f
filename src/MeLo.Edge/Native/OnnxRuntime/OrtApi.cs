namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// The part of ONNX Runtime's C API (onnxruntime_c_api.h, struct OrtApi) that this library calls, bound by slot number. The struct only ever
/// grows, so a slot keeps its number in every later release. Every function but the Release ones returns an OrtStatus*, null for
/// success. C names are kept.
/// </summary>
internal readonly unsafe struct OrtApi(void** table)
{
    /// <summary>The version of the table asked for: that of ONNX Runtime 1.20, the first whose slots are all used below.</summary>
    public const uint Version = 20;

    public delegate* unmanaged<int, byte*, nint> CreateStatus => (delegate* unmanaged<int, byte*, nint>)table[0];
    public delegate* unmanaged<nint, int> GetErrorCode => (delegate* unmanaged<nint, int>)table[1];
    public delegate* unmanaged<nint, byte*> GetErrorMessage => (delegate* unmanaged<nint, byte*>)table[2];
    public delegate* unmanaged<delegate* unmanaged<void*, int, byte*, byte*, byte*, byte*, void>, void*, int, byte*, nint*, nint> CreateEnvWithCustomLogger =>
        (delegate* unmanaged<delegate* unmanaged<void*, int, byte*, byte*, byte*, byte*, void>, void*, int, byte*, nint*, nint>)table[4];
    public delegate* unmanaged<nint, nint> DisableTelemetryEvents => (delegate* unmanaged<nint, nint>)table[6];
    public delegate* unmanaged<nint, void*, nint, nint*, nint> CreateSession => (delegate* unmanaged<nint, void*, nint, nint*, nint>)table[7];
    public delegate* unmanaged<nint, void*, nuint, nint, nint*, nint> CreateSessionFromArray =>
        (delegate* unmanaged<nint, void*, nuint, nint, nint*, nint>)table[8];
    public delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint> Run =>
        (delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint>)table[9];

    public delegate* unmanaged<nint*, nint> CreateSessionOptions => (delegate* unmanaged<nint*, nint>)table[10];
    public delegate* unmanaged<nint, int, nint> SetSessionExecutionMode => (delegate* unmanaged<nint, int, nint>)table[13];
    public delegate* unmanaged<nint, nint> DisableMemPattern => (delegate* unmanaged<nint, nint>)table[17];
    public delegate* unmanaged<nint, int, nint> SetSessionLogSeverityLevel => (delegate* unmanaged<nint, int, nint>)table[22];
    public delegate* unmanaged<nint, int, nint> SetSessionGraphOptimizationLevel => (delegate* unmanaged<nint, int, nint>)table[23];
    public delegate* unmanaged<nint, int, nint> SetIntraOpNumThreads => (delegate* unmanaged<nint, int, nint>)table[24];

    public delegate* unmanaged<byte*, nint*, nint> CreateCustomOpDomain => (delegate* unmanaged<byte*, nint*, nint>)table[26];
    public delegate* unmanaged<nint, OrtCustomOp*, nint> CustomOpDomain_Add => (delegate* unmanaged<nint, OrtCustomOp*, nint>)table[27];
    public delegate* unmanaged<nint, nint, nint> AddCustomOpDomain => (delegate* unmanaged<nint, nint, nint>)table[28];

    public delegate* unmanaged<nint, nuint*, nint> SessionGetInputCount => (delegate* unmanaged<nint, nuint*, nint>)table[30];
    public delegate* unmanaged<nint, nuint*, nint> SessionGetOutputCount => (delegate* unmanaged<nint, nuint*, nint>)table[31];
    public delegate* unmanaged<nint, nuint, nint*, nint> SessionGetInputTypeInfo => (delegate* unmanaged<nint, nuint, nint*, nint>)table[33];
    public delegate* unmanaged<nint, nuint, nint*, nint> SessionGetOutputTypeInfo => (delegate* unmanaged<nint, nuint, nint*, nint>)table[34];
    public delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetInputName => (delegate* unmanaged<nint, nuint, nint, byte**, nint>)table[36];
    public delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetOutputName => (delegate* unmanaged<nint, nuint, nint, byte**, nint>)table[37];

    public delegate* unmanaged<nint*, nint> CreateRunOptions => (delegate* unmanaged<nint*, nint>)table[39];
    public delegate* unmanaged<nint, nint> RunOptionsSetTerminate => (delegate* unmanaged<nint, nint>)table[46];

    public delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint> CreateTensorWithDataAsOrtValue =>
        (delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)table[49];
    public delegate* unmanaged<nint, void**, nint> GetTensorMutableData => (delegate* unmanaged<nint, void**, nint>)table[51];
    public delegate* unmanaged<nint, nint*, nint> CastTypeInfoToTensorInfo => (delegate* unmanaged<nint, nint*, nint>)table[55];
    public delegate* unmanaged<nint, int*, nint> GetTensorElementType => (delegate* unmanaged<nint, int*, nint>)table[60];
    public delegate* unmanaged<nint, nuint*, nint> GetDimensionsCount => (delegate* unmanaged<nint, nuint*, nint>)table[61];
    public delegate* unmanaged<nint, long*, nuint, nint> GetDimensions => (delegate* unmanaged<nint, long*, nuint, nint>)table[62];
    public delegate* unmanaged<nint, byte**, nuint, nint> GetSymbolicDimensions => (delegate* unmanaged<nint, byte**, nuint, nint>)table[63];
    public delegate* unmanaged<nint, nint*, nint> GetTensorTypeAndShape => (delegate* unmanaged<nint, nint*, nint>)table[65];

    public delegate* unmanaged<byte*, int, int, int, nint*, nint> CreateMemoryInfo => (delegate* unmanaged<byte*, int, int, int, nint*, nint>)table[68];
    public delegate* unmanaged<nint, byte**, nint> MemoryInfoGetName => (delegate* unmanaged<nint, byte**, nint>)table[71];
    public delegate* unmanaged<nint, void*, nint> AllocatorFree => (delegate* unmanaged<nint, void*, nint>)table[76];
    public delegate* unmanaged<nint*, nint> GetAllocatorWithDefaultOptions => (delegate* unmanaged<nint*, nint>)table[78];

    public delegate* unmanaged<nint, byte*, float*, nint> KernelInfoGetAttribute_float => (delegate* unmanaged<nint, byte*, float*, nint>)table[85];
    public delegate* unmanaged<nint, byte*, long*, nint> KernelInfoGetAttribute_int64 => (delegate* unmanaged<nint, byte*, long*, nint>)table[86];
    public delegate* unmanaged<nint, nuint, nint*, nint> KernelContext_GetInput => (delegate* unmanaged<nint, nuint, nint*, nint>)table[90];
    public delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint> KernelContext_GetOutput =>
        (delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)table[91];

    public delegate* unmanaged<nint, void> ReleaseStatus => (delegate* unmanaged<nint, void>)table[93];
    public delegate* unmanaged<nint, void> ReleaseMemoryInfo => (delegate* unmanaged<nint, void>)table[94];
    public delegate* unmanaged<nint, void> ReleaseSession => (delegate* unmanaged<nint, void>)table[95];
    public delegate* unmanaged<nint, void> ReleaseValue => (delegate* unmanaged<nint, void>)table[96];
    public delegate* unmanaged<nint, void> ReleaseRunOptions => (delegate* unmanaged<nint, void>)table[97];
    public delegate* unmanaged<nint, void> ReleaseTypeInfo => (delegate* unmanaged<nint, void>)table[98];
    public delegate* unmanaged<nint, void> ReleaseTensorTypeAndShapeInfo => (delegate* unmanaged<nint, void>)table[99];
    public delegate* unmanaged<nint, void> ReleaseSessionOptions => (delegate* unmanaged<nint, void>)table[100];

    public delegate* unmanaged<byte***, int*, nint> GetAvailableProviders => (delegate* unmanaged<byte***, int*, nint>)table[125];
    public delegate* unmanaged<byte**, int, nint> ReleaseAvailableProviders => (delegate* unmanaged<byte**, int, nint>)table[126];
    public delegate* unmanaged<nint, byte*, byte*, nint> AddSessionConfigEntry => (delegate* unmanaged<nint, byte*, byte*, nint>)table[130];

    public delegate* unmanaged<nint, nint, nint, nint> RunWithBinding => (delegate* unmanaged<nint, nint, nint, nint>)table[133];
    public delegate* unmanaged<nint, nint*, nint> CreateIoBinding => (delegate* unmanaged<nint, nint*, nint>)table[134];
    public delegate* unmanaged<nint, void> ReleaseIoBinding => (delegate* unmanaged<nint, void>)table[135];
    public delegate* unmanaged<nint, byte*, nint, nint> BindInput => (delegate* unmanaged<nint, byte*, nint, nint>)table[136];
    public delegate* unmanaged<nint, byte*, nint, nint> BindOutput => (delegate* unmanaged<nint, byte*, nint, nint>)table[137];
    public delegate* unmanaged<nint, byte*, nint, nint> BindOutputToDevice => (delegate* unmanaged<nint, byte*, nint, nint>)table[138];
    public delegate* unmanaged<nint, nint, nint**, nuint*, nint> GetBoundOutputValues => (delegate* unmanaged<nint, nint, nint**, nuint*, nint>)table[140];
    public delegate* unmanaged<nint, void> ClearBoundInputs => (delegate* unmanaged<nint, void>)table[141];
    public delegate* unmanaged<nint, void> ClearBoundOutputs => (delegate* unmanaged<nint, void>)table[142];

    public delegate* unmanaged<nint, byte*, nint, nint> AddInitializer => (delegate* unmanaged<nint, byte*, nint, nint>)table[150];
    public delegate* unmanaged<nint, nint*, nint> GetTensorMemoryInfo => (delegate* unmanaged<nint, nint*, nint>)table[194];
    public delegate* unmanaged<nint, nint, nint> SessionOptionsAppendExecutionProvider_CUDA_V2 => (delegate* unmanaged<nint, nint, nint>)table[204];
    public delegate* unmanaged<nint*, nint> CreateCUDAProviderOptions => (delegate* unmanaged<nint*, nint>)table[205];
    public delegate* unmanaged<nint, byte**, byte**, nuint, nint> UpdateCUDAProviderOptions => (delegate* unmanaged<nint, byte**, byte**, nuint, nint>)table[206];
    public delegate* unmanaged<nint, void> ReleaseCUDAProviderOptions => (delegate* unmanaged<nint, void>)table[208];
    public delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint> SessionOptionsAppendExecutionProvider =>
        (delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint>)table[216];

    public delegate* unmanaged<nint, delegate* unmanaged<OrtParallelLoop*, nuint, void>, nuint, nuint, OrtParallelLoop*, nint> KernelContext_ParallelFor =>
        (delegate* unmanaged<nint, delegate* unmanaged<OrtParallelLoop*, nuint, void>, nuint, nuint, OrtParallelLoop*, nint>)table[274];

    // ONNX Runtime 1.24 and later, whichever version of the table was asked for; OrtLibrary.HasAssignments says whether they are there.
    public delegate* unmanaged<nint, nint**, nuint*, nint> Session_GetEpGraphAssignmentInfo => (delegate* unmanaged<nint, nint**, nuint*, nint>)table[407];
    public delegate* unmanaged<nint, byte**, nint> EpAssignedSubgraph_GetEpName => (delegate* unmanaged<nint, byte**, nint>)table[408];
    public delegate* unmanaged<nint, nint**, nuint*, nint> EpAssignedSubgraph_GetNodes => (delegate* unmanaged<nint, nint**, nuint*, nint>)table[409];
    public delegate* unmanaged<nint, byte**, nint> EpAssignedNode_GetOperatorType => (delegate* unmanaged<nint, byte**, nint>)table[412];
}
