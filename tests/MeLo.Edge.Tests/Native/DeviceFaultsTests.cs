using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Tests.Native;

/// <summary>
/// Messages of devices that are not at hand here, as they were reported (the repository and the issue stand beside each); Vulkan's are provoked in
/// <see cref="DeviceFaultTests"/>.
/// </summary>
public sealed class DeviceFaultsTests
{
    private const string Cuda = @"D:\a\_work\1\s\onnxruntime\core\providers\cuda\cuda_call.cc:121 onnxruntime::CudaCall D:\a\_work\1\s\onnxruntime\core\providers\cuda\cuda_call.cc:114 onnxruntime::CudaCall ";
    private const string DirectMl = @"D:\a\_work\1\s\onnxruntime\core\providers\dml\DmlExecutionProvider\src\ExecutionProvider.cpp(962)\onnxruntime.dll!00007FFABA30B0B1: (caller: 00007FFABA30B740) Exception(3) tid(5a68) ";

    [Theory]
    [InlineData(Cuda + "CUDA failure 2: out of memory ; GPU=0 ; hostname=PC ; file=cuda_stream_handle.cc ; line=175 ; expr=cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);")] // hacksider/Deep-Live-Cam 584
    [InlineData(Cuda + "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=egg ; file=cuda_execution_provider.cc ; line=164 ; expr=cublasCreate(&cublas_handle_);")] // fudan-generative-vision/hallo 218
    [InlineData("Non-zero status code returned while running Conv node. Name:'Conv' Status Message: bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*, " +
        "bool, onnxruntime::WaitNotificationFn) Failed to allocate memory for requested buffer of size 2830172160")] // microsoft/onnxruntime 20038
    [InlineData(DirectMl + "8007000E Not enough memory resources are available to complete this operation.")] // huggingface/diffusers 552
    [InlineData("WebGPU device error(3): ID3D12Device::CreateCommittedResource failed with E_OUTOFMEMORY (0x8007000E)")] // what Dawn in the runtime's library for Windows puts together
    [InlineData("WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY")] // mlc-ai/web-llm 356
    public void OutOfMemory_IsRead(string message) => Assert.Equal(DeviceFault.OutOfMemory, Read(message));

    [Theory]
    [InlineData("CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=PC ; expr=cudaMemcpy(dst_data, src_data, bytes, cudaMemcpyHostToDevice);")] // microsoft/onnxruntime 5295
    [InlineData("CUDA failure 719: unspecified launch failure ; GPU=0 ; hostname=PC ; file=gpu_data_transfer.cc ; line=73 ; expr=cudaMemcpyAsync(dst_data, src_data, bytes, cudaMemcpyDeviceToHost, s);")] // C0untFloyd/roop-unleashed 32
    [InlineData(Cuda + "CUDA failure 999: unknown error ; GPU=192915439 ; expr=cudaSetDevice(info_.device_id);")] // microsoft/onnxruntime 14211
    [InlineData(DirectMl + "887A0005 The GPU device instance has been suspended. Use GetDeviceRemovedReason to determine the appropriate action.")] // microsoft/onnxruntime 22700
    [InlineData(DirectMl + "887A0006 The GPU will not respond to more commands, most likely because of an invalid command passed by the calling application.")] // microsoft/Olive 1194
    [InlineData(DirectMl + "887A0007 The GPU will not respond to more commands, most likely because some other application submitted invalid commands.")] // microsoft/Olive 1093
    [InlineData("D3D12 create command queue failed with DXGI_ERROR_DEVICE_REMOVED (0x887A0005)")] // mlc-ai/web-llm 22
    [InlineData("Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: [Device] is lost. (WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY)")] // lost because of the memory: there is nothing left to free
    public void Loss_IsRead(string message) => Assert.Equal(DeviceFault.Lost, Read(message));

    [Theory]
    [InlineData("Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: [Device] is lost. (WebGPU device lost (1): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY)", true)]
    [InlineData("WebGPU device lost (1): handling unexpected error type OutOfMemory when allowed errors are Validation.", true)]
    [InlineData("WebGPU device lost (1): vkQueueSubmit failed with VK_ERROR_DEVICE_LOST", false)]
    [InlineData("CUDA failure 719: unspecified launch failure ; GPU=0 ;", false)]
    public void ALoss_IsForWantOfMemory_WhereItSaysSo(string message, bool lacksMemory)
    {
        OrtException error = OrtException.Unsupported($"ONNX Runtime: {message}");
        Assert.Equal((DeviceFault.Lost, lacksMemory), (DeviceFaults.Of(error), DeviceFaults.LacksMemory(error)));
    }

    [Theory]
    [InlineData(Cuda + "CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0 ; hostname=LED-PC ; file=gemm.cc ; line=121 ; expr=cublasGemmHelper(...);")] // C0untFloyd/roop-unleashed 995
    [InlineData(Cuda + "CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED ; GPU=0 ; hostname=PC ; file=cuda_execution_provider.cc ; line=182 ; expr=cudnnCreate(&cudnn_handle_);")] // microsoft/onnxruntime 26322
    [InlineData("CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0 ; hostname=PC ; expr=cudaSetDevice(info_.device_id);")]
    [InlineData("CUDA failure 7000: a number that only starts like one")]
    [InlineData("Got invalid dimensions for input: pixel_values for the following indices index: 2 Got: 887 Expected: 224")]
    [InlineData("WebGPU validation failed. [Invalid ComputePipeline (unlabeled)] is invalid due to a previous error.")]
    public void OtherErrors_AreNoFaultOfTheDevice(string message) => Assert.Equal(DeviceFault.None, Read(message));

    private static DeviceFault Read(string message) => DeviceFaults.Of(OrtException.Unsupported($"ONNX Runtime: {message}"));
}
