using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Dicom;

/// <summary>224 files of many makers and transfer syntaxes, several broken, beside what pydicom 2.3 with GDCM made of each. Where this project decides otherwise, docs/dicom.md lists the file with the reason.</summary>
[Collection("gdcm")] // one leaves no folder behind that another counts
public sealed class DicomCorpusTests
{
    [Fact]
    public void EveryFile_IsDecodedToTheBitOrRefusedAsDocumented()
    {
        string folder = SharedData.Data("dicom");
        List<string> other = [], refused = [], ours = [];
        int same = 0;
        foreach (string line in File.ReadLines(Path.Combine(folder, "INDEX.tsv")).Skip(1))
        {
            string[] fields = line.Split('\t');
            (string name, bool isDecoded, string digest) = (fields[0], fields[12] == "decoded", fields[15]);
            string? found = Digest(File.ReadAllBytes(Path.Combine(folder, name)), out string reason);
            if (found is null && reason.Contains("libgdcm-tools", StringComparison.Ordinal)) continue;
            if (found is null && isDecoded) refused.Add($"{name}: {reason}");
            else if (found is not null && !isDecoded) ours.Add(name);
            else if (found is not null && found != digest) other.Add(name);
            else same++;
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{same} as pydicom");
        Assert.Equal(Documented("Refused, and decoded by pydicom:"), refused.Select(r => r[..r.IndexOf(": ", StringComparison.Ordinal)]).Order(StringComparer.Ordinal));
        Assert.Equal(Documented("Decoded, and refused by pydicom:"), ours.Order(StringComparer.Ordinal));
        Assert.Equal(Documented("Decoded to other samples than pydicom's:"), other.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void GrayImages_AreBehindTheTransforms_WhatTheFormulasGive()
    {
        string folder = SharedData.Data("dicom");
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        int compared = 0;
        foreach (string key in reference.Tensors.Keys.Where(k => k.EndsWith("|voi", StringComparison.Ordinal)))
        {
            string name = key[..^4];
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder, name));
            PixelBuffer image;
            try
            {
                DicomFile file = DicomFile.Open(bytes, DecodeLimits.Default);
                image = DicomDecoder.Decode(file, DicomPixels.Open(file, DecodeLimits.Default), frame: 0, DicomVoi.File);
            }
            catch (ImageException)
            {
                continue; // EveryFile_… says which may be
            }
            TensorView expected = reference[key];
            (int height, int width) = ((int)expected.Shape[0], (int)expected.Shape[1]);
            float[] values = expected.ToSingles();
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                {
                    int at = ((y + ((image.Height - height) / 2)) * image.Width) + x + ((image.Width - width) / 2);
                    Assert.Equal(values[(y * width) + x], image.Samples<float>()[at], 1e-5);
                }
            compared++;
        }
        Assert.True(compared >= 42, $"{compared} compared");
    }

    private static string? Digest(byte[] bytes, out string reason)
    {
        try
        {
            DicomFile file = DicomFile.Open(bytes, DecodeLimits.Default);
            DicomPixels pixels = DicomPixels.Open(file, DecodeLimits.Default);
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] frame = new byte[pixels.FrameBytes];
            for (int i = 0; i < pixels.Description.Frames; i++)
            {
                pixels.Read(i, frame);
                hash.AppendData(frame);
            }
            reason = "";
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (ImageException e)
        {
            Assert.True(e.IsFileAtFault, e.Message);
            reason = e.Message;
            return null;
        }
    }

    private static IEnumerable<string> Documented(string heading) => File.ReadLines(Path.Combine(SharedData.RepositoryRoot, "docs", "dicom.md"))
        .SkipWhile(l => l != heading).Skip(1).SkipWhile(l => l.Length == 0).TakeWhile(l => l.StartsWith("- `", StringComparison.Ordinal)).Select(l => l[3..l.IndexOf('`', 3)]).Order(StringComparer.Ordinal);
}
