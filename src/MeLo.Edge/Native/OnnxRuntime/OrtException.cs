using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>ONNX Runtime's error codes (onnxruntime_c_api.h, enum OrtErrorCode).</summary>
public enum OrtErrorCode
{
    /// <summary>No error.</summary>
    Ok,
    /// <summary>A failure without a more specific code.</summary>
    Fail,
    /// <summary>An argument does not fit: a missing input, a wrong shape or type.</summary>
    InvalidArgument,
    /// <summary>A model file does not exist.</summary>
    NoSuchFile,
    /// <summary>A model does not exist.</summary>
    NoModel,
    /// <summary>The engine failed.</summary>
    EngineError,
    /// <summary>An exception inside the runtime.</summary>
    RuntimeException,
    /// <summary>The model file is not a well-formed ONNX model.</summary>
    InvalidProtobuf,
    /// <summary>The model was loaded already.</summary>
    ModelLoaded,
    /// <summary>Something is not implemented by the chosen execution provider.</summary>
    NotImplemented,
    /// <summary>The model is not a valid graph.</summary>
    InvalidGraph,
    /// <summary>An execution provider failed.</summary>
    ExecutionProviderFail,
    /// <summary>Loading the model was cancelled.</summary>
    ModelLoadCanceled,
    /// <summary>The model needs compilation first.</summary>
    ModelRequiresCompilation,
    /// <summary>Something was not found.</summary>
    NotFound,
}

/// <summary>ONNX Runtime refused or failed: its error code and its message.</summary>
public sealed class OrtException : MeLoException
{
    private OrtException(OrtErrorCode code, string message, Exception? inner = null)
        : base(message, inner) => Code = code;

    /// <summary>ONNX Runtime's own code.</summary>
    public OrtErrorCode Code { get; }

    internal static OrtException Library(string fault, Exception? inner = null) => new(OrtErrorCode.NoSuchFile, fault, inner);

    internal static OrtException Unsupported(string fault) => new(OrtErrorCode.NotImplemented, fault);

    /// <summary>Throws when <paramref name="status"/> (OrtStatus*) is not null, and releases it.</summary>
    internal static void ThrowIfFailed(nint status)
    {
        if (status != 0) throw FromStatus(OrtLibrary.Api, status);
    }

    /// <summary>
    /// The same for a call that a device does work for: throws also when the call succeeded and the device said meanwhile that it had not, which only the runtime's log
    /// knows (<see cref="OrtLog"/>). What the call returned is then worth nothing.
    /// </summary>
    internal static void ThrowIfFailedOnDevice(nint status)
    {
        string? deviceError = OrtLog.TakeDeviceError();
        if (status != 0) throw FromStatus(OrtLibrary.Api, status, deviceError);
        if (deviceError is not null) throw new OrtException(OrtErrorCode.Fail, $"ONNX Runtime: {deviceError}");
    }

    /// <summary>The same while the library is still being loaded.</summary>
    internal static void ThrowIfFailed(OrtApi api, nint status)
    {
        if (status != 0) throw FromStatus(api, status);
    }

    private static unsafe OrtException FromStatus(OrtApi api, nint status, string? deviceError = null)
    {
        OrtErrorCode code = (OrtErrorCode)api.GetErrorCode(status);
        string message = Marshal.PtrToStringUTF8((nint)api.GetErrorMessage(status)) ?? "no message";
        api.ReleaseStatus(status);
        string cause = deviceError is null ? "" : $" ({deviceError})";
        return new OrtException(code, $"ONNX Runtime: {message.ReplaceLineEndings(" ").Trim()}{cause}");
    }
}
