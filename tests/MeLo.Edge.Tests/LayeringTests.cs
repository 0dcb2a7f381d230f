using System.Reflection;
using System.Runtime.CompilerServices;

namespace MeLo.Edge.Tests;

/// <summary>Dependencies go down only: docs/architecture.md, "Floors".</summary>
public sealed class LayeringTests
{
    private const string Root = "MeLo.Edge";

    /// <summary>What each namespace may use, beside itself, the root namespace and the framework.</summary>
    private static readonly Dictionary<string, string[]> s_mayUse = new()
    {
        [Root] = [],
        ["Tensors"] = [],
        ["Native"] = [],
        ["Native.Cng"] = [],
        ["Native.OnnxRuntime"] = ["Native", "Tensors"],
        ["Native.Vips"] = ["Native"],
        ["Kernels"] = ["Native"],
        ["Onnx"] = ["Tensors"],
        ["Adapters"] = ["Tensors", "Native", "Kernels"],
        ["Imaging"] = ["Native", "Native.Vips"],
        ["Dicom"] = ["Imaging"],
        ["Volumes"] = ["Imaging", "Dicom"],
        ["Models"] = ["Tensors", "Native", "Native.OnnxRuntime", "Kernels", "Onnx", "Adapters", "Imaging"],
        ["Native.Gpu"] = [],
        ["Providers"] = ["Tensors", "Native", "Native.Gpu", "Native.OnnxRuntime", "Onnx"],
        ["Bundles"] = ["Native.Cng", "Tensors", "Onnx", "Adapters", "Imaging", "Dicom", "Volumes", "Models"],
        ["Engine"] = ["Tensors", "Native", "Native.OnnxRuntime", "Kernels", "Onnx", "Adapters", "Imaging", "Dicom", "Volumes", "Models", "Providers", "Bundles"],
        ["Reports"] = ["Imaging", "Dicom", "Volumes", "Models", "Bundles", "Engine"],
    };

    [Fact]
    public void EveryType_UsesOnlyLowerFloors()
    {
        List<string> offences = [];
        foreach (Type type in Types())
        {
            string from = Floor(type.Namespace!);
            Assert.True(s_mayUse.ContainsKey(from), $"the namespace {type.Namespace} has no floor; add it here and to docs/architecture.md");
            foreach (Type used in UsedBy(type).Where(u => u.Assembly == type.Assembly && IsOurs(u)))
            {
                string to = Floor(used.Namespace!);
                if (to != from && to != Root && !s_mayUse[from].Contains(to)) offences.Add($"{type.FullName} uses {used.FullName}");
            }
        }
        Assert.Empty(offences.Distinct());
    }

    [Fact]
    public void FloorsBelowTheEngine_DoNotLog()
    {
        Assert.DoesNotContain(typeof(MeLoException).Assembly.GetReferencedAssemblies(), a => a.Name!.Contains("Logging", StringComparison.Ordinal));
    }

    private static IEnumerable<Type> Types() => typeof(MeLoException).Assembly.GetTypes().Where(IsOurs);

    private static bool IsOurs(Type type) =>
        type.Namespace?.StartsWith(Root, StringComparison.Ordinal) == true && type.GetCustomAttribute<CompilerGeneratedAttribute>() is null;

    private static string Floor(string name) => name == Root ? Root : name[(Root.Length + 1)..];

    /// <summary>The types in signatures, fields, base types and method bodies' locals and calls.</summary>
    private static IEnumerable<Type> UsedBy(Type type)
    {
        const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        List<Type?> used = [type.BaseType, .. type.GetInterfaces()];
        used.AddRange(type.GetFields(All).Select(f => f.FieldType));
        foreach (MethodBase method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)))
        {
            used.AddRange(method.GetParameters().Select(p => p.ParameterType));
            if (method is MethodInfo { ReturnType: Type result }) used.Add(result);
            if (method.GetMethodBody() is not { } body) continue;
            used.AddRange(body.LocalVariables.Select(v => v.LocalType));
            used.AddRange(Tokens(method, body));
        }
        return used.OfType<Type>().SelectMany(Parts);
    }

    // Calls and type references in the method's code: every four bytes that resolve to a member are taken for one. A number
    // that looks like a token by chance resolves to a member of this module too, so offences are checked by eye, not missed.
    private static IEnumerable<Type?> Tokens(MethodBase method, MethodBody body)
    {
        byte[] code = body.GetILAsByteArray() ?? [];
        Type[]? typeArguments = method.DeclaringType is { IsGenericType: true } declaring ? declaring.GetGenericArguments() : null;
        Type[]? methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int i = 1; i + 4 <= code.Length; i++)
        {
            // call 0x28, callvirt 0x6F, newobj 0x73, ldsfld 0x7E, ldfld 0x7B
            if (code[i - 1] is not (0x28 or 0x6F or 0x73 or 0x7E or 0x7B)) continue;
            MemberInfo? member;
            try { member = method.Module.ResolveMember(BitConverter.ToInt32(code, i), typeArguments, methodArguments); }
            catch (ArgumentException) { continue; }
            yield return member as Type ?? member?.DeclaringType;
        }
    }

    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType) return Parts(type.GetElementType()!);
        if (type.IsGenericParameter || type.IsFunctionPointer) return [];
        return type.IsConstructedGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition()) : [type];
    }
}
