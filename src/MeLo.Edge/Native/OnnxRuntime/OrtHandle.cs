using System.Runtime.InteropServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>Owns one object of the runtime and releases it once, however its use ends.</summary>
internal abstract class OrtHandle : SafeHandle
{
    protected OrtHandle(nint pointer)
        : base(invalidHandleValue: 0, ownsHandle: true) => SetHandle(pointer);

    public override bool IsInvalid => handle == 0;

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
