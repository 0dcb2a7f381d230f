using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>A tensor of the runtime: over host memory of the caller's, or made by a run (on the host or on a device).</summary>
internal sealed unsafe class OrtValue : OrtHandle
{
    private GCHandle _pinned;

    private OrtValue(nint pointer, long hostBytes = 0, GCHandle pinned = default, OrtHandle? maker = null)
        : base(pointer, maker)
    {
        HostBytes = hostBytes;
        _pinned = pinned;
    }

    /// <summary>The length of the caller's host memory that the tensor lies over, in bytes; 0 for one that a run made.</summary>
    public long HostBytes { get; }

    /// <summary>The element type and shape.</summary>
    public OrtTensorInfo Info
    {
        get
        {
            using Lease self = Use();
            return OrtTensorInfo.FromValue(self.Pointer);
        }
    }

    /// <summary>The name of the memory that holds the elements: <c>Cpu</c>, or a device's.</summary>
    public string MemoryName
    {
        get
        {
            using Lease self = Use();
            nint info; // owned by the value
            OrtException.ThrowIfFailed(OrtLibrary.Api.GetTensorMemoryInfo(self.Pointer, &info));
            byte* name;
            OrtException.ThrowIfFailed(OrtLibrary.Api.MemoryInfoGetName(info, &name));
            return Marshal.PtrToStringUTF8((nint)name)!;
        }
    }

    /// <summary>
    /// A tensor over memory of the caller's, which is neither copied nor owned: it must stay where it is until the value and
    /// every run with it are gone.
    /// </summary>
    public static OrtValue Over(void* data, long byteLength, ElementType type, ReadOnlySpan<long> shape) =>
        new(Create(data, byteLength, type, shape), byteLength);

    /// <summary>A tensor over an array, pinned until the value is disposed.</summary>
    public static OrtValue FromArray(float[] values, ReadOnlySpan<long> shape)
    {
        GCHandle pinned = GCHandle.Alloc(values, GCHandleType.Pinned);
        try
        {
            long byteLength = values.Length * (long)sizeof(float);
            return new OrtValue(Create((void*)pinned.AddrOfPinnedObject(), byteLength, ElementType.F32, shape), byteLength, pinned);
        }
        catch
        {
            pinned.Free();
            throw;
        }
    }

    /// <summary>Takes ownership of an OrtValue* that a run made.</summary>
    public static OrtValue Own(nint pointer, OrtSession maker) => new(pointer, maker: maker);

    /// <summary>
    /// A second value over the same memory, on whatever device, which it does not own: what a session takes as one of its graph's constants. The
    /// first stays until the second is gone.
    /// </summary>
    public OrtValue Borrow()
    {
        OrtTensorInfo info = Info;
        using Lease self = Use();
        nint memory; // owned by the value
        OrtException.ThrowIfFailed(OrtLibrary.Api.GetTensorMemoryInfo(self.Pointer, &memory));
        void* data;
        OrtException.ThrowIfFailed(OrtLibrary.Api.GetTensorMutableData(self.Pointer, &data));
        nint pointer;
        fixed (long* dimensions = info.Dimensions)
        {
            OrtException.ThrowIfFailed(OrtLibrary.Api.CreateTensorWithDataAsOrtValue(
                memory, data, (nuint)(info.ElementCount * info.Type.Size()), dimensions, (nuint)info.Dimensions.Length, info.Type.OnnxDataType(), &pointer));
        }
        return new OrtValue(pointer, maker: this);
    }

    /// <summary>The elements in host memory; valid while the value is not disposed.</summary>
    /// <exception cref="InvalidOperationException">The elements are on a device, or are not of type <typeparamref name="T"/>'s size.</exception>
    public ReadOnlySpan<T> AsSpan<T>()
        where T : unmanaged
    {
        OrtTensorInfo info = Info;
        if (info.Type.Size() != sizeof(T)) throw new InvalidOperationException($"The tensor's elements are {info.Type}, not {typeof(T).Name}.");
        string memory = MemoryName;
        if (memory != OrtLibrary.HostMemory.Name) throw new InvalidOperationException($"The tensor lies in device memory ({memory}).");
        using Lease self = Use();
        void* data;
        OrtException.ThrowIfFailed(OrtLibrary.Api.GetTensorMutableData(self.Pointer, &data));
        return new ReadOnlySpan<T>(data, checked((int)info.ElementCount));
    }

    protected override void Release()
    {
        // What lies on a device goes back to lists that runs take from, and the runtime guards them with nothing.
        using Lock.Scope turn = Maker is OrtSession session ? session.TakeTurn() : default;
        OrtLibrary.Api.ReleaseValue(handle);
        if (_pinned.IsAllocated) _pinned.Free();
    }

    private static nint Create(void* data, long byteLength, ElementType type, ReadOnlySpan<long> shape)
    {
        using Lease memory = OrtLibrary.HostMemory.Use();
        nint pointer;
        fixed (long* dimensions = shape)
        {
            OrtException.ThrowIfFailed(OrtLibrary.Api.CreateTensorWithDataAsOrtValue(
                memory.Pointer, data, (nuint)byteLength, dimensions, (nuint)shape.Length, type.OnnxDataType(), &pointer));
        }
        return pointer;
    }
}
