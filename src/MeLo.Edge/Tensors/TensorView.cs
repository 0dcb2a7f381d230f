using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Tensors;

/// <summary>
/// One tensor of a safetensors file: a view of the file's own bytes, valid while the <see cref="SafetensorsFile"/> is open.
/// Data is row-major and little-endian, as the format defines it.
/// </summary>
public sealed class TensorView
{
    private readonly SafetensorsFile _file;

    internal TensorView(SafetensorsFile file, string name, ElementType type, long[] shape, long offset, long byteLength)
    {
        _file = file;
        Name = name;
        Type = type;
        Shape = shape;
        Offset = offset;
        ByteLength = byteLength;
        ElementCount = byteLength / type.Size();
    }

    /// <summary>The tensor's name in the file.</summary>
    public string Name { get; }

    /// <summary>The type of the stored elements.</summary>
    public ElementType Type { get; }

    /// <summary>The dimensions, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements: the product of <see cref="Shape"/>.</summary>
    public long ElementCount { get; }

    /// <summary>The position of the first byte, counted from the start of the file.</summary>
    public long Offset { get; }

    /// <summary>The length of the data in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The stored bytes.</summary>
    /// <exception cref="SafetensorsException">The tensor is larger than 2 GiB.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public ReadOnlySpan<byte> Bytes => _file.Slice(this);

    /// <summary>
    /// Writes the elements, widened to binary32, into <paramref name="destination"/>. F32, F16 and BF16 widen without loss;
    /// F64 rounds to nearest.
    /// </summary>
    /// <exception cref="SafetensorsException">The elements are not floating-point numbers.</exception>
    /// <exception cref="ArgumentException">The destination has another length than the tensor has elements.</exception>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length != ElementCount)
            throw new ArgumentException($"Tensor '{Name}' has {ElementCount} elements, the destination {destination.Length}.", nameof(destination));
        CopyTo(destination, 0);
    }

    /// <summary>Writes as many elements as <paramref name="destination"/> holds, from <paramref name="firstElement"/> on. See <see cref="CopyTo(Span{float})"/>.</summary>
    /// <exception cref="SafetensorsException">The elements are not floating-point numbers.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor has no such elements.</exception>
    public void CopyTo(Span<float> destination, long firstElement)
    {
        if (firstElement < 0 || firstElement > ElementCount - destination.Length)
            throw new ArgumentOutOfRangeException(nameof(firstElement), firstElement, $"Tensor '{Name}' has {ElementCount} elements, the destination {destination.Length}.");
        ReadOnlySpan<byte> bytes = Bytes.Slice((int)(firstElement * Type.Size()), destination.Length * Type.Size());
        switch (Type)
        {
            case ElementType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case ElementType.F16:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = (float)BitConverter.UInt16BitsToHalf(Unaligned<ushort>(bytes, i));
                break;
            case ElementType.BF16:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)Unaligned<ushort>(bytes, i) << 16);
                break;
            case ElementType.F64:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = (float)Unaligned<double>(bytes, i);
                break;
            default:
                throw SafetensorsException.Tensor(_file.Source, Name, $"found elements of type {Type.HeaderName()}, expected floating-point numbers (F32, F16, BF16 or F64)");
        }
    }

    /// <summary>The elements, widened to binary32, in an array of their own. See <see cref="CopyTo(Span{float})"/>.</summary>
    public float[] ToSingles()
    {
        _ = Bytes; // an over-large tensor fails with its name, not with an overflow
        float[] values = new float[ElementCount];
        CopyTo(values);
        return values;
    }

    /// <summary>Whether every element is a finite number; integers always are.</summary>
    public bool IsFinite()
    {
        if (!Type.IsFloat()) return true;
        if (Type == ElementType.F32 && Offset % sizeof(float) == 0)
            return TensorPrimitives.IsFiniteAll(MemoryMarshal.Cast<byte, float>(Bytes));
        return TensorPrimitives.IsFiniteAll<float>(ToSingles());
    }

    /// <summary>The shape as the error messages write it: <c>[768,4]</c>.</summary>
    public string ShapeText => $"[{string.Join(',', Shape)}]";

    // Safetensors headers need not be a multiple of the element size long, so the data may lie unaligned.
    private static T Unaligned<T>(ReadOnlySpan<byte> bytes, int index)
        where T : unmanaged
    {
        unsafe
        {
            return MemoryMarshal.Read<T>(bytes.Slice(index * sizeof(T), sizeof(T)));
        }
    }
}
