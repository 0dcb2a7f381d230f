using Spectre.Console;

namespace MeLo.Edge.Service.Reporting;

/// <summary>Standard output for people: colours and a live display on a terminal, plain and wide text elsewhere.</summary>
internal static class Terminal
{
    // Wide enough for every table of the demonstration.
    private const int PlainWidth = 150;

    public static bool IsInteractive => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive;

    public static IAnsiConsole Create()
    {
        if (IsInteractive) return AnsiConsole.Console;
        IAnsiConsole plain = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No });
        plain.Profile.Width = PlainWidth;
        return plain;
    }
}
