using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>
/// How the runtime sees an operator of ours (onnxruntime_c_api.h, struct OrtCustomOp): callbacks that get the struct itself, whose
/// last fields are our own. Callbacks left null are optional. No exception may leave a callback.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OrtCustomOp
{
    private const int Required = 0; // INPUT_OUTPUT_REQUIRED
    private const int Optional = 1; // INPUT_OUTPUT_OPTIONAL
    private const int DefaultMemory = 0; // OrtMemTypeDefault
    private const int Fail = 1; // ORT_FAIL

    private uint _version;
    private nint _createKernel; // superseded by _createKernelV2
    private delegate* unmanaged<OrtCustomOp*, byte*> _getName;
    private delegate* unmanaged<OrtCustomOp*, byte*> _getExecutionProviderType;
    private delegate* unmanaged<OrtCustomOp*, nuint, int> _getInputType;
    private delegate* unmanaged<OrtCustomOp*, nuint> _getInputTypeCount;
    private delegate* unmanaged<OrtCustomOp*, nuint, int> _getOutputType;
    private delegate* unmanaged<OrtCustomOp*, nuint> _getOutputTypeCount;
    private nint _kernelCompute; // superseded by _kernelComputeV2
    private delegate* unmanaged<nint, void> _kernelDestroy;
    private delegate* unmanaged<OrtCustomOp*, nuint, int> _getInputCharacteristic;
    private delegate* unmanaged<OrtCustomOp*, nuint, int> _getOutputCharacteristic;
    private delegate* unmanaged<OrtCustomOp*, nuint, int> _getInputMemoryType;
    private nint _getVariadicInputMinArity;
    private nint _getVariadicInputHomogeneity;
    private nint _getVariadicOutputMinArity;
    private nint _getVariadicOutputHomogeneity;
    private delegate* unmanaged<OrtCustomOp*, nint, nint, nint*, nint> _createKernelV2;
    private delegate* unmanaged<nint, nint, nint> _kernelComputeV2;
    private nint _inferOutputShapeFn;
    private nint _getStartVersion; // 1 and every later version without it
    private nint _getEndVersion;
    private nint _getMayInplace;
    private nint _releaseMayInplace;
    private nint _getAliasMap;
    private nint _releaseAliasMap;

    private byte* _name;
    private nint _operator; // a GCHandle of the OrtOperator

    /// <summary>Makes the struct of an operator; it is never freed, as sessions hold on to it.</summary>
    public static OrtCustomOp* Create(OrtOperator op)
    {
        OrtCustomOp* native = (OrtCustomOp*)NativeMemory.AllocZeroed((nuint)sizeof(OrtCustomOp));
        native->_version = OrtApi.Version;
        native->_getName = &GetName;
        native->_getExecutionProviderType = &GetExecutionProviderType;
        native->_getInputType = &GetInputType;
        native->_getInputTypeCount = &GetInputTypeCount;
        native->_getOutputType = &GetOutputType;
        native->_getOutputTypeCount = &GetOutputTypeCount;
        native->_kernelDestroy = &KernelDestroy;
        native->_getInputCharacteristic = &GetInputCharacteristic;
        native->_getOutputCharacteristic = &GetOutputCharacteristic;
        native->_getInputMemoryType = &GetInputMemoryType;
        native->_createKernelV2 = &CreateKernel;
        native->_kernelComputeV2 = &KernelCompute;
        native->_name = (byte*)Marshal.StringToCoTaskMemUTF8(op.Name);
        native->_operator = GCHandle.ToIntPtr(GCHandle.Alloc(op));
        return native;
    }

    private static OrtOperator Operator(OrtCustomOp* op) => (OrtOperator)GCHandle.FromIntPtr(op->_operator).Target!;

    [UnmanagedCallersOnly]
    private static byte* GetName(OrtCustomOp* op) => op->_name;

    // Null stands for the CPU.
    [UnmanagedCallersOnly]
    private static byte* GetExecutionProviderType(OrtCustomOp* op) => null;

    [UnmanagedCallersOnly]
    private static nuint GetInputTypeCount(OrtCustomOp* op) => (nuint)Operator(op).Inputs.Count;

    [UnmanagedCallersOnly]
    private static int GetInputType(OrtCustomOp* op, nuint index) => Operator(op).Inputs[(int)index].OnnxDataType();

    [UnmanagedCallersOnly]
    private static int GetInputCharacteristic(OrtCustomOp* op, nuint index) =>
        (int)index < Operator(op).RequiredInputs ? Required : Optional;

    [UnmanagedCallersOnly]
    private static int GetInputMemoryType(OrtCustomOp* op, nuint index) => DefaultMemory;

    [UnmanagedCallersOnly]
    private static nuint GetOutputTypeCount(OrtCustomOp* op) => (nuint)Operator(op).Outputs.Count;

    [UnmanagedCallersOnly]
    private static int GetOutputType(OrtCustomOp* op, nuint index) => Operator(op).Outputs[(int)index].OnnxDataType();

    [UnmanagedCallersOnly]
    private static int GetOutputCharacteristic(OrtCustomOp* op, nuint index) => Required;

    [UnmanagedCallersOnly]
    private static nint CreateKernel(OrtCustomOp* op, nint api, nint info, nint* kernel)
    {
        try
        {
            *kernel = GCHandle.ToIntPtr(GCHandle.Alloc(Operator(op).CreateKernel(new OrtKernelInfo(info))));
            return 0;
        }
        catch (Exception e)
        {
            return Status(e);
        }
    }

    [UnmanagedCallersOnly]
    private static nint KernelCompute(nint kernel, nint context)
    {
        try
        {
            ((OrtKernel)GCHandle.FromIntPtr(kernel).Target!).Compute(new OrtKernelContext(context));
            return 0;
        }
        catch (Exception e)
        {
            return Status(e);
        }
    }

    [UnmanagedCallersOnly]
    private static void KernelDestroy(nint kernel)
    {
        GCHandle handle = GCHandle.FromIntPtr(kernel);
        try
        {
            (handle.Target as IDisposable)?.Dispose();
        }
        catch (Exception)
        {
            // The runtime takes no error here, and the session is going anyway.
        }
        handle.Free();
    }

    private static nint Status(Exception e)
    {
        using Utf8 message = new(e.Message);
        return OrtLibrary.Api.CreateStatus(Fail, message.Pointer);
    }
}
