using System.Globalization;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Service.Ingestion;
using Microsoft.Extensions.Configuration;

namespace MeLo.Edge.Service.Options;

/// <summary>Makes <see cref="ServiceOptions"/> of the section <c>MeLo</c>, and reports everything that is wrong with it at once.</summary>
internal sealed class ServiceOptionsReader
{
    public const string Section = "MeLo";

    // Said on the command line, and kept in the section with the settings; nobody is to write them into a file.
    private static readonly string[] s_commandLineOnly = [nameof(ServiceOptions.Demo), nameof(ServiceOptions.Once), nameof(ServiceOptions.WindowsService)];

    private const string RoutesKey = nameof(ServiceOptions.Routes), TasksKey = nameof(DicomRoute.Tasks);

    private readonly IConfigurationSection _section;
    private readonly List<string> _faults = [];
    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);

    private ServiceOptionsReader(IConfiguration configuration) => _section = configuration.GetSection(Section);

    /// <exception cref="ServiceException">One or more settings are wrong; the message has a line for each.</exception>
    public static ServiceOptions Read(IConfiguration configuration) => new ServiceOptionsReader(configuration).Read();

    private ServiceOptions Read()
    {
        ServiceOptions defaults = new();
        bool demo = Flag(nameof(ServiceOptions.Demo));
        ServiceOptions options = new()
        {
            Data = Text(nameof(ServiceOptions.Data), defaults.Data),
            Once = Flag(nameof(ServiceOptions.Once)),
            Demo = demo,
            WindowsService = Flag(nameof(ServiceOptions.WindowsService)),
            Port = Port(defaults.Port),
            Provider = Provider(),
            DeviceId = DeviceId(),
            Strict = Flag(nameof(ServiceOptions.Strict)),
            Precision = Precision(defaults.Precision),
            Fp32Tasks = Fp32Tasks(defaults.Fp32Tasks),
            Threads = (int)Number(nameof(ServiceOptions.Threads), defaults.Threads, 0, EdgeEngineOptions.MaxThreads),
            ScanInterval = Milliseconds("ScanIntervalMs", defaults.ScanInterval, 10, 3_600_000),
            StableInterval = Milliseconds("StableIntervalMs", defaults.StableInterval, 0, 3_600_000),
            SeriesInterval = Milliseconds("SeriesIntervalMs", defaults.SeriesInterval, 0, 3_600_000),
            MaxWait = Milliseconds("MaxWaitMs", defaults.MaxWait, 0, 3_600_000),
            QueueLimit = (int)Number(nameof(ServiceOptions.QueueLimit), defaults.QueueLimit, 1, 100_000),
            MaxFileBytes = Number("MaxFileMegabytes", defaults.MaxFileBytes >> 20, 1, 2047) << 20,
            MinFreeBytes = Number("MinFreeMegabytes", defaults.MinFreeBytes >> 20, 0, 1 << 30) << 20,
            Routes = Routes(),
            DicomSr = Flag("Results:DicomSr"),
            Fhir = Flag("Results:Fhir"),
            Worklist = Flag("Results:Worklist"),
            IncludePatient = Flag("Results:Json:IncludePatient"),
            HeatMap = HeatMap("Results:HeatMap"),
            HeatMapNotice = Flag("Results:HeatMapNotice", defaults.HeatMapNotice),
            CacheBytes = Number("CacheMegabytes", (demo ? ServiceOptions.DemoCacheBytes : defaults.CacheBytes) >> 20, 0, 1 << 20) << 20,
        };
        if (string.IsNullOrWhiteSpace(options.Data)) _faults.Add($"{Section}:Data: found an empty path, expected the data folder");
        if (options.WindowsService && (options.Once || !OperatingSystem.IsWindows()))
            _faults.Add($"{Section}:WindowsService: found true, expected false with --once and on systems other than Windows");
        // With auto too: the number would mean another GPU for each provider that is tried.
        if (options.DeviceId is { } device && options.Provider is not (ExecutionProvider.Cuda or ExecutionProvider.DirectMl))
        {
            _faults.Add($"{Section}:DeviceId: found {device} with provider {options.Provider?.Name() ?? ExecutionProviders.Automatic}, "
                + $"expected {Section}:Provider {ExecutionProvider.Cuda.Name()} or {ExecutionProvider.DirectMl.Name()} beside it: each numbers the GPUs in its own order, the others choose for themselves");
        }
        foreach ((string key, string? value) in _section.AsEnumerable(makePathsRelative: true))
        {
            if (value is not null && !_known.Contains(key) && !key.StartsWith(RoutesKey + ":", StringComparison.OrdinalIgnoreCase))
                _faults.Add($"{Section}:{key}: found a setting of that name, expected one of {string.Join(", ", _known.Except(s_commandLineOnly).Order(StringComparer.Ordinal))}");
        }
        return _faults.Count == 0 ? options : throw ServiceException.Settings(_faults);
    }

    private string? Value(string key)
    {
        _known.Add(key);
        return _section[key];
    }

    private string Text(string key, string fallback) => Value(key) ?? fallback;

    private bool Flag(string key, bool fallback = false)
    {
        string? value = Value(key);
        if (value is null) return fallback;
        if (bool.TryParse(value, out bool flag)) return flag;
        _faults.Add($"{Section}:{key}: found '{value}', expected true or false");
        return fallback;
    }

    private HeatMapFiles HeatMap(string key)
    {
        switch (Value(key))
        {
            case null or "off": return HeatMapFiles.Off;
            case "png": return HeatMapFiles.Png;
            case "dicom": return HeatMapFiles.Dicom;
            case "both": return HeatMapFiles.Both;
            case string value:
                _faults.Add($"{Section}:{key}: found '{value}', expected off, png, dicom or both");
                return HeatMapFiles.Off;
        }
    }

    private long Number(string key, long fallback, long minimum, long maximum)
    {
        string? value = Value(key);
        if (value is null) return fallback;
        if (long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= minimum && number <= maximum)
            return number;
        _faults.Add($"{Section}:{key}: found '{value}', expected a whole number from {minimum} to {maximum}");
        return fallback;
    }

    private TimeSpan Milliseconds(string key, TimeSpan fallback, long minimum, long maximum) =>
        TimeSpan.FromMilliseconds(Number(key, (long)fallback.TotalMilliseconds, minimum, maximum));

    private ExecutionProvider? Provider()
    {
        string value = Text(nameof(ServiceOptions.Provider), ExecutionProviders.Automatic);
        if (!ExecutionProviders.TryParse(value, out ExecutionProvider? provider))
            _faults.Add($"{Section}:Provider: found '{value}', expected {string.Join(" or ", ExecutionProviders.Settings)}");
        return provider;
    }

    private int? DeviceId()
    {
        const long None = -1;
        return Value(nameof(ServiceOptions.DeviceId)) is not null && Number(nameof(ServiceOptions.DeviceId), None, 0, int.MaxValue) is >= 0 and long number ? (int)number : null;
    }

    private string Precision(string fallback)
    {
        string value = Text(nameof(ServiceOptions.Precision), fallback);
        string[] names = [ServiceOptions.AutomaticPrecision, .. Enum.GetValues<Precision>().Select(Precisions.Name)];
        if (!names.Contains(value, StringComparer.Ordinal)) _faults.Add($"{Section}:Precision: found '{value}', expected {string.Join(" or ", names)}");
        return value;
    }

    private Fp32TaskPolicy Fp32Tasks(Fp32TaskPolicy fallback)
    {
        string? value = Value(nameof(ServiceOptions.Fp32Tasks));
        if (value is null) return fallback;
        if (value is "run") return Fp32TaskPolicy.Run;
        if (value is "refuse") return Fp32TaskPolicy.Refuse;
        _faults.Add($"{Section}:Fp32Tasks: found '{value}', expected run or refuse");
        return fallback;
    }

    private DicomRoute[] Routes()
    {
        _known.Add(RoutesKey);
        List<DicomRoute> routes = [];
        if (_section[RoutesKey] is not null) _faults.Add($"{Section}:{RoutesKey}: found a value, expected a list of routes: {RoutesKey}:0:Modality and so on");
        foreach (IConfigurationSection route in _section.GetSection(RoutesKey).GetChildren())
        {
            string place = $"{Section}:{RoutesKey}:{route.Key}";
            Dictionary<string, IReadOnlyList<string>> conditions = new(StringComparer.OrdinalIgnoreCase);
            string[] tasks = [];
            foreach (IConfigurationSection member in route.GetChildren())
            {
                if (string.Equals(member.Key, TasksKey, StringComparison.OrdinalIgnoreCase)) tasks = (member.Value ?? "").Split(',', StringSplitOptions.TrimEntries);
                else if (member.Value is null || member.Value.Split('|').Any(string.IsNullOrWhiteSpace)) _faults.Add($"{place}:{member.Key}: found an empty value, expected values with | between them");
                else if (DicomAttributes.Keywords.FirstOrDefault(k => string.Equals(k, member.Key, StringComparison.OrdinalIgnoreCase)) is { } keyword) conditions.Add(keyword, member.Value.Split('|', StringSplitOptions.TrimEntries));
                else _faults.Add($"{place}:{member.Key}: found an attribute of that name, expected {TasksKey} or one of {string.Join(", ", DicomAttributes.Keywords)}");
            }
            if (conditions.Count == 0) _faults.Add($"{place}: found no attribute, expected one or more that tell which files go this way; Modality '*' for all");
            if (tasks.Length == 0 || tasks.Any(t => !DataFolder.IsTaskName(t) || t == DicomRouter.Name))
                _faults.Add($"{place}:{TasksKey}: found '{string.Join(',', tasks)}', expected names of tasks with commas between them");
            routes.Add(new DicomRoute(conditions, tasks));
        }
        return routes.Count == 0 ? [] : [.. routes]; // the same none as by default
    }

    private int? Port(int? fallback)
    {
        string? value = Value(nameof(ServiceOptions.Port));
        if (value is null) return fallback;
        if (string.Equals(value, "off", StringComparison.OrdinalIgnoreCase)) return null;
        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= ushort.MaxValue) return port;
        _faults.Add($"{Section}:Port: found '{value}', expected a port from 1 to 65535, 0 for any free one, or 'off'");
        return fallback;
    }
}
