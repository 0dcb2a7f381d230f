using System.Diagnostics;
using System.Reflection;
using MeLo.Edge.Engine;
using MeLo.Edge.Tests.Bundles;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests;

/// <summary>What the README shows of the SDK works as shown, in a folder outside the source tree.</summary>
public sealed class ReadmeTests : IDisposable
{
    private static readonly string s_readme = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "README.md"));
    private static readonly string s_configuration = typeof(ReadmeTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sample_WithThePackage_AnswersInAProjectOfItsOwn()
    {
        string version = typeof(EdgeEngine).Assembly.GetName().Version!.ToString(3), packed = version + "-readme"; // one that no cache of packages holds
        string project = Shown("xml");
        Assert.Contains($"Version=\"{version}\"", project, StringComparison.Ordinal);
        Assert.Contains("`dotnet pack src/MeLo.Edge --output ../packages`", s_readme, StringComparison.Ordinal);
        Tool.Run(Dotnet(SharedData.RepositoryRoot, ownPackages: false,
            "pack", "src/MeLo.Edge", "--output", Path.Combine(_folder.Root, "packages"), $"-p:Version={packed}", "--no-build", "--configuration", s_configuration));
        Answers(project.Replace($"\"{version}\"", $"\"{packed}\"", StringComparison.Ordinal), ownPackages: true);
    }

    [Fact]
    public void Sample_WithAReferenceToTheProject_AnswersInAProjectOfItsOwn()
    {
        string[] told = [.. s_readme.Split('`').Where(text => text.Contains("MELO/", StringComparison.Ordinal)).Select(text => text.Replace("MELO/", SharedData.RepositoryRoot, StringComparison.Ordinal))];
        Assert.Equal(["<ProjectReference", "<Import"], told.Select(text => text.Split(' ')[0]));
        string project = Shown("xml"), reference = Between(project, "    <PackageReference", "\n");
        Answers(project.Replace($"    <PackageReference{reference}", told[0], StringComparison.Ordinal).Replace("</ItemGroup>", $"</ItemGroup>{told[1]}", StringComparison.Ordinal), ownPackages: false);
    }

    [Fact]
    public void Links_LeadToFilesThatAreThere()
    {
        string[] named = [.. s_readme.Split('`').Where((text, i) => i % 2 == 1 && text.StartsWith("docs/", StringComparison.Ordinal)).Distinct()];
        Assert.NotEmpty(named);
        Assert.All(named, path => Assert.True(Path.Exists(Path.Combine(SharedData.RepositoryRoot, path)), path));
    }

    private void Answers(string project, bool ownPackages)
    {
        using EngineFixture fixture = new();
        string program = Path.Combine(_folder.Root, "program"), data = Path.Combine(program, "melo-data");
        Directory.CreateDirectory(Path.Combine(data, "base"));
        foreach (string file in Directory.GetFiles(fixture.BaseFolder)) File.Copy(file, Path.Combine(data, "base", Path.GetFileName(file)));
        File.WriteAllText(_folder["program", "melo-data", "trust", "signing.pub.pem"], fixture.PublicPem);
        foreach (string task in (string[])["tuberculosis", "blood-cell"]) File.WriteAllBytes(Path.Combine(program, $"{task}.melo"), fixture.Bundle(task, task.Length).File.ToArray());
        foreach (string picture in (string[])["cxr-17.png", "smear-3.png"]) File.WriteAllBytes(Path.Combine(program, picture), EngineFixture.Picture(picture.Length));
        File.WriteAllText(Path.Combine(program, "device.csproj"), project);
        File.WriteAllText(Path.Combine(program, "Program.cs"), Shown("csharp"));
        // What the program's own project names, and nothing from the network.
        File.WriteAllText(Path.Combine(program, "nuget.config"), "<configuration><packageSources><clear /></packageSources></configuration>");
        Assert.Matches("^class-[0-2] [0-9.]+ ?%, switch [0-9.]+ .s$", Tool.Run(Dotnet(program, ownPackages, "run", "--configuration", s_configuration)).Trim());
    }

    private ProcessStartInfo Dotnet(string folder, bool ownPackages, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { WorkingDirectory = folder };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1"; // no process outlives the test
        if (!ownPackages) return start;
        // What this build was made from is there to be found; what the test adds to it stays in its own folder.
        start.Environment.TryGetValue("NUGET_PACKAGES", out string? packages);
        start.Environment["NUGET_FALLBACK_PACKAGES"] = packages ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        start.Environment["NUGET_PACKAGES"] = Path.Combine(_folder.Root, "nuget");
        return start;
    }

    private static string Shown(string language) => Between(s_readme, $"```{language}\n", "```");

    private static string Between(string text, string start, string end)
    {
        int from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }
}
