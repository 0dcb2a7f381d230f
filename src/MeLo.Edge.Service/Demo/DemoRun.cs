using System.Diagnostics;
using MeLo.Edge.Engine;
using MeLo.Edge.Providers;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Reporting;

namespace MeLo.Edge.Service.Demo;

/// <summary>What <c>--demo</c> does before the service starts in its ordinary way, and after it has ended.</summary>
internal static class DemoRun
{
    /// <exception cref="ServiceException">The provider cannot start, or the data folder is in use, cannot be used, or is a real installation's.</exception>
    public static void Prepare(ServiceOptions options)
    {
        try
        {
            // Before anything is made: a demonstration that cannot run afterwards is not worth the wait.
            if (options.Provider is { } provider) EdgeEngine.CheckProvider(provider, options.DeviceId);
        }
        catch (ProviderException e)
        {
            throw ServiceException.Provider(e);
        }
        long start = Stopwatch.GetTimestamp();
        DataFolder folder = new(options.Data);
        Console.Out.WriteLine($"Preparing a demonstration in {folder.Root}");
        Console.Out.WriteLine(DemoFolder.Notice);
        try
        {
            Directory.CreateDirectory(folder.State);
            using InstanceLock alone = InstanceLock.Take(folder);
            new DemoFolder(folder, TimeProvider.System).Prepare();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ServiceException.DataFolder(folder.Root, e);
        }
        Console.Out.WriteLine($"Prepared in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s: a base model, seven bundles, two dozen pictures, three volumes");
    }

    /// <summary>Ends a demonstration: prints its tables.</summary>
    public static void Report(ServiceOptions options)
    {
        DataFolder folder = new(options.Data);
        DemoReport.Print(Terminal.Create(), new FolderReport(folder), DemoTruth.Read(folder));
    }
}
