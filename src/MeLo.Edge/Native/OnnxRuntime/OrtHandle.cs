using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>Owns one object of the runtime and releases it once, however its use ends.</summary>
internal abstract class OrtHandle : SafeHandle
{
    private readonly OrtHandle? _maker;

    /// <param name="pointer">The object.</param>
    /// <param name="maker">What must stay until this is released, whoever is disposed of or finalised first: a session frees what it has put on a device.</param>
    protected OrtHandle(nint pointer, OrtHandle? maker = null)
        : base(invalidHandleValue: 0, ownsHandle: true)
    {
        SetHandle(pointer);
        bool added = false;
        maker?.DangerousAddRef(ref added);
        _maker = maker;
    }

    /// <summary>What stays until this is released.</summary>
    protected OrtHandle? Maker => _maker;

    public override bool IsInvalid => handle == 0;

    /// <summary>Releases the object itself.</summary>
    protected abstract void Release();

    protected sealed override bool ReleaseHandle()
    {
        Release();
        _maker?.DangerousRelease();
        return true;
    }

    /// <summary>Keeps the object alive for the length of a native call; function pointers do not marshal a SafeHandle by themselves.</summary>
    public Lease Use() => new(this);

    /// <summary>A reference held on a handle; <see cref="Pointer"/> is valid until it is disposed.</summary>
    public readonly ref struct Lease
    {
        private readonly OrtHandle _owner;

        public Lease(OrtHandle owner)
        {
            bool added = false;
            owner.DangerousAddRef(ref added); // throws ObjectDisposedException after Dispose
            _owner = owner;
            Pointer = owner.handle;
        }

        public nint Pointer { get; }

        public void Dispose() => _owner.DangerousRelease();
    }
}
