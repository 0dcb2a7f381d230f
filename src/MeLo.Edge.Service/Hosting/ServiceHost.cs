using System.Net;
using System.Runtime.InteropServices;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Http;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Reporting;
using MeLo.Edge.Service.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace MeLo.Edge.Service.Hosting;

/// <summary>Puts the program together and runs it.</summary>
internal static class ServiceHost
{
    /// <summary>Runs until stopped, or with <c>--once</c> until everything is settled.</summary>
    /// <param name="settings">What the command line set; it wins over the environment, and that over <c>appsettings.json</c>.</param>
    /// <exception cref="ServiceException">The service cannot run as it was asked to.</exception>
    public static async Task<ExitCode> RunAsync(IReadOnlyDictionary<string, string?> settings)
    {
        // Settings lie beside the program; the data folder is relative to where it was started.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(settings);
        ServiceOptions options = ServiceOptionsReader.Read(builder.Configuration);
        if (OperatingSystem.IsWindows() && options.WindowsService)
            return WindowsService.Run(started => RunAsync(builder, options, started));
        return await RunAsync(builder, options, started: null);
    }

    private static async Task<ExitCode> RunAsync(WebApplicationBuilder builder, ServiceOptions options, Action<IHostApplicationLifetime>? started)
    {
        if (options.Demo) DemoRun.Prepare(options);
        AddLogging(builder.Logging, options);
        AddServices(builder.Services, options);
        Listen(builder, options);
        await using WebApplication app = builder.Build();
        Endpoints.Map(app);
        // A closed terminal or a manager's "reload" must not end the process in the middle of something.
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            app.Lifetime.StopApplication();
        });
        DeviceState state = app.Services.GetRequiredService<DeviceState>();
        try
        {
            await app.StartAsync();
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return state.ExitCode; // asked to stop before it had started
        }
        catch (IOException e) when (options.Port is not null)
        {
            throw ServiceException.Settings([$"{ServiceOptionsReader.Section}:Port: 127.0.0.1:{options.Port} cannot be listened on ({e.Message})"]);
        }
        if (options.Port is not null) LogPort(app);
        started?.Invoke(app.Lifetime);
        await app.WaitForShutdownAsync();
        if (state.Error is string error) await Console.Error.WriteLineAsync($"error: {error}");
        else if (options.Once) Report(app.Services, options, state);
        return state.ExitCode;
    }

    private static void Report(IServiceProvider services, ServiceOptions options, DeviceState state)
    {
        if (options.Demo) DemoRun.Report(options);
        Console.Out.WriteLine(OnceSummary.Of(services.GetRequiredService<ServiceMetrics>(), state.Scan, state.Bundles));
    }

    private static void AddServices(IServiceCollection services, ServiceOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<DeviceState>();
        services.AddSingleton<Conditions>();
        services.AddSingleton<ServiceMetrics>();
        services.AddSingleton<Predict>();
        services.AddSingleton(_ => ServiceManagerNotifier.FromEnvironment());
        services.AddHostedService<DeviceWorker>();
        if (options.Once) services.AddHostedService<ProgressDisplay>();
        services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = TimeSpan.FromSeconds(30);
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
    }

    private static void AddLogging(ILoggingBuilder logging, ServiceOptions options)
    {
        // On a terminal the progress display has the screen; the summary says what the log would.
        if (options.Once && Terminal.IsInteractive) logging.SetMinimumLevel(LogLevel.Critical).AddFilter(level => level == LogLevel.Critical);
        // Everything to stderr: stdout is for what was asked for. One line an event; the service manager adds its own time.
        bool managed = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null;
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = managed ? null : "HH:mm:ss.fff ";
        });
        if (OperatingSystem.IsWindows() && options.WindowsService)
        {
            logging.AddEventLog(); // a Windows service has no console
            return;
        }
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static void Listen(WebApplicationBuilder builder, ServiceOptions options)
    {
        if (options.Port is not int port)
        {
            builder.Services.AddSingleton<IServer, NoServer>();
            return;
        }
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxFileBytes;
            kestrel.Listen(IPAddress.Loopback, port);
        });
    }

    private static void LogPort(WebApplication app)
    {
        string? address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault();
        if (address is not null) app.Logger.Listening(new Uri(address).Port);
    }
}
