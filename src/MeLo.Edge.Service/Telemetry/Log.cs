using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Telemetry;

/// <summary>
/// Everything the service logs: state changes, each once, at their owner. Tasks, releases, digests, counts and codes; never a file name,
/// a path below an inbox, or anything read from an image.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Started in {Folder}: base {Base}, {Architecture}, {Precision} on {Provider}: {PrecisionReason}; provider {ProviderReason}")]
    public static partial void Started(this ILogger logger, string folder, string @base, string architecture, string precision, string provider, string precisionReason, string providerReason);

    [LoggerMessage(2, LogLevel.Information, "Listening on http://127.0.0.1:{Port}")]
    public static partial void Listening(this ILogger logger, int port);

    [LoggerMessage(3, LogLevel.Information, "Stopped: {Results} results, {Duplicates} duplicates, {Quarantined} quarantined since the start")]
    public static partial void Stopped(this ILogger logger, long results, long duplicates, long quarantined);

    [LoggerMessage(4, LogLevel.Critical, "The worker failed and the process ends: {Failure}")]
    public static partial void WorkerFailed(this ILogger logger, string failure);

    [LoggerMessage(5, LogLevel.Critical, "A step has made no progress for {Limit}; the process ends so that a fresh one can go on")]
    public static partial void Stalled(this ILogger logger, TimeSpan limit);

    [LoggerMessage(6, LogLevel.Warning, "After a crash: {PutBack} files put back, {Delivered} committed results written")]
    public static partial void Recovered(this ILogger logger, int putBack, int delivered);

    [LoggerMessage(7, LogLevel.Warning, "The provider {Provider} leaves a part of the model to the CPU, to and from which data travels in every run: {Nodes}")]
    public static partial void NodesOnHost(this ILogger logger, string provider, string nodes);

    [LoggerMessage(10, LogLevel.Information, "Task {Task} release {Release} is active in {Precision}: {Digest}, signed by {Signer}")]
    public static partial void Activated(this ILogger logger, string task, int release, string precision, string digest, string signer);

    [LoggerMessage(11, LogLevel.Warning, "A bundle was refused ({Code}): {Digest}")]
    public static partial void BundleRefused(this ILogger logger, string code, string digest);

    [LoggerMessage(12, LogLevel.Information, "Task {Task} is retired")]
    public static partial void Retired(this ILogger logger, string task);

    [LoggerMessage(13, LogLevel.Information, "Trust: {Keys} keys, {Authorities} CA certificates")]
    public static partial void TrustRead(this ILogger logger, int keys, int authorities);

    [LoggerMessage(14, LogLevel.Warning, "The active bundle of task {Task} was put back in place of a refused file of its name: {Digest}")]
    public static partial void BundleRestored(this ILogger logger, string task, string digest);

    [LoggerMessage(20, LogLevel.Warning, "An input of task {Task} was quarantined ({Code}): {Input}")]
    public static partial void Quarantined(this ILogger logger, string task, string code, string input);

    [LoggerMessage(21, LogLevel.Warning, "Work on a file of task {Task} failed and will be tried again: {Failure}")]
    public static partial void Deferred(this ILogger logger, string task, string failure);

    [LoggerMessage(22, LogLevel.Warning, "Folder events were lost; scans go on, and the folders are watched anew")]
    public static partial void EventsLost(this ILogger logger);

    [LoggerMessage(23, LogLevel.Error, "A prediction for task {Task} failed: {Failure}")]
    public static partial void PredictionFailed(this ILogger logger, string task, string failure);

    [LoggerMessage(24, LogLevel.Warning, "A result of task {Task} has no {Report}: {Failure}")]
    public static partial void NoReport(this ILogger logger, string task, string report, string failure);

    [LoggerMessage(25, LogLevel.Warning, "Routes lead to task {Task}, which no bundle is installed for: its copies wait")]
    public static partial void RouteToNobody(this ILogger logger, string task);

    [LoggerMessage(26, LogLevel.Warning, "The worklist of task {Task} cannot be written and waits: {Failure}")]
    public static partial void WorklistWaits(this ILogger logger, string task, string failure);

    [LoggerMessage(29, LogLevel.Warning, "A result of task {Task} has no heat map: {Failure}")]
    public static partial void NoHeatMap(this ILogger logger, string task, string failure);

    [LoggerMessage(30, LogLevel.Warning, "Hindered ({Code}): {Detail}")]
    public static partial void Hindered(this ILogger logger, string code, string detail);

    [LoggerMessage(31, LogLevel.Information, "No longer hindered ({Code})")]
    public static partial void NoLongerHindered(this ILogger logger, string code);

    [LoggerMessage(32, LogLevel.Critical, "The process ends, for a fresh one to take the device: {Failure}")]
    public static partial void DeviceLost(this ILogger logger, string failure);
}
