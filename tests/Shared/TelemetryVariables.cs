namespace MeLo.Edge.Tests;

/// <summary>Variables with which ONNX Runtime reports nothing anyway, so that nothing would be proven by a program that is started with one.</summary>
internal static class TelemetryVariables
{
    /// <summary>A command that starts the program behind it without them.</summary>
    public static readonly string[] Unset = ["env", "-u", "CI", "-u", "TF_BUILD", "-u", "GITHUB_ACTIONS", "-u", "ORT_DISABLE_TELEMETRY", "-u", "ORT_RUNNING_UNIT_TESTS"];
}
