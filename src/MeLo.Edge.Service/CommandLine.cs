using System.CommandLine;
using MeLo.Edge.Engine;
using MeLo.Edge.Service.Options;

namespace MeLo.Edge.Service;

/// <summary>The command line: a shorter way to write some of the settings.</summary>
internal static class CommandLine
{
    /// <summary>Reads the arguments.</summary>
    /// <param name="arguments">As the program was given them.</param>
    /// <param name="settings">The settings they stand for.</param>
    /// <returns>Null to go on; else the code to end with: help or the version was asked for, or the arguments are wrong.</returns>
    public static int? Read(string[] arguments, out Dictionary<string, string?> settings)
    {
        Option<string> data = new("--data") { Description = "The data folder; ./melo-data unless set.", HelpName = "DIR" };
        Option<bool> once = new("--once") { Description = "Settle everything that waits, print a summary, end." };
        Option<bool> demo = new("--demo") { Description = "First prepare a demonstration data folder (generated weights: not for clinical use)." };
        Option<string> port = new("--port") { Description = "The port on 127.0.0.1: 0 for any free one, 'off' for no HTTP. 8417 unless set; off with --once.", HelpName = "PORT" };
        Option<string> provider = new("--provider") { Description = "Where the model runs; auto unless set: the first that starts.", HelpName = string.Join('|', ExecutionProviders.Settings) };
        Option<bool> strict = new("--strict") { Description = "Refuse to start where the provider would leave a part of the model to the CPU." };
        Option<bool> windowsService = new("--windows-service") { Description = "Run under the Windows service control manager.", Hidden = !OperatingSystem.IsWindows() };
        RootCommand root = new("MeLo Edge: a resident Vision Transformer that answers for the images dropped into its inboxes.") { data, once, demo, port, provider, strict, windowsService };
        int? ended = null;
        Dictionary<string, string?> read = [];
        root.SetAction(parsed =>
        {
            Add(nameof(ServiceOptions.Data), parsed.GetValue(data));
            if (parsed.GetValue(once)) Add(nameof(ServiceOptions.Once), "true");
            if (parsed.GetValue(windowsService)) Add(nameof(ServiceOptions.WindowsService), "true");
            if (parsed.GetValue(demo)) Add(nameof(ServiceOptions.Demo), "true");
            Add(nameof(ServiceOptions.Provider), parsed.GetValue(provider));
            if (parsed.GetValue(strict)) Add(nameof(ServiceOptions.Strict), "true");
            Add(nameof(ServiceOptions.Port), parsed.GetValue(port) ?? (parsed.GetValue(once) ? "off" : null));
            ended = -1;
        });
        ParseResult result = root.Parse(arguments);
        int code = result.Invoke();
        settings = read;
        if (result.Errors.Count > 0) return (int)ExitCode.Usage;
        return ended is null ? code : null;

        void Add(string key, string? value)
        {
            if (value is not null) read[$"{ServiceOptionsReader.Section}:{key}"] = value;
        }
    }
}
