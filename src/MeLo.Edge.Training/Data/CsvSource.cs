namespace MeLo.Edge.Training.Data;

/// <summary>A CSV file with a row a picture or volume: its path, relative to the file, and its label or labels; perhaps its part and its patient.</summary>
internal sealed class CsvSource
{
    private static readonly string[] s_paths = ["path", "file", "filename", "image"];
    private static readonly string[] s_labels = ["label", "labels", "class", "target"];
    private static readonly string[] s_parts = ["split", "part"];
    private static readonly string[] s_patients = ["patient", "patient_id"];

    private readonly string _source;
    private readonly CsvTable _table;
    private readonly int _path, _part, _patient;
    private readonly int[] _labels;

    private CsvSource(string source, CsvTable table, DatasetOptions options)
    {
        (_source, _table) = (source, table);
        _path = options.PathColumn is { } path ? Required(path) : Known(s_paths);
        if (_path < 0) throw Missing("paths", s_paths);
        _part = options.SplitColumn is { } part ? Required(part) : Known(s_parts);
        _patient = options.PatientColumn is { } patient ? Required(patient) : Known(s_patients);
        if (options.LabelColumns.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice) throw DatasetException.Of(source, $"found the column of labels '{twice.Key}' asked for twice, expected each once");
        _labels = options.LabelColumns.Count > 0 ? [.. options.LabelColumns.Select(Required)] : Known(s_labels) is >= 0 and int label ? [label] : Others();
    }

    /// <exception cref="DatasetException">It is not such a file; the message lists every fault up to a limit.</exception>
    public static Dataset Open(string path, DatasetOptions options)
    {
        string source = Path.GetFileName(path);
        CsvTable table = CsvTable.Read(path, source);
        if (table.Rows.Count == 0) throw DatasetException.Of(source, "found a header and nothing below, expected a row a picture");
        return new CsvSource(source, table, options).Build(Path.GetDirectoryName(Path.GetFullPath(path))!, options);
    }

    private Dataset Build(string folder, DatasetOptions options)
    {
        List<string> faults = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        bool hasColumns = _labels.Length > 1, isMultiLabel = hasColumns || _table.Rows.Any(row => row.Fields[_labels[0]].Contains('|', StringComparison.Ordinal));
        List<(CsvRow Row, string Id, string[] Labels, DatasetPart? Part, string? Patient)> rows = [];
        foreach (CsvRow row in _table.Rows)
        {
            string id = row.Fields[_path].Trim().Replace('\\', '/');
            if (id.Length == 0 || id.Contains('\0', StringComparison.Ordinal)) faults.Add($"line {row.Line}: found no path");
            else if (!seen.Add(Path.TrimEndingDirectorySeparator(Path.GetFullPath(id, folder)))) faults.Add($"line {row.Line}: found '{id}' again, expected each picture once");
            rows.Add((row, id, Labels(row, isMultiLabel, faults), Part(row, faults), Patient(row, faults)));
        }
        if (faults.Count > 0) throw DatasetException.Of(_source, faults);

        LabelSet labels = LabelSet.Of(_source, hasColumns ? _labels.Select(c => _table.Header[c]) : rows.SelectMany(r => r.Labels), options.Labels);
        FilePictures pictures = FilePictures.Open(_source, [.. rows.Select(r => Files(r.Id, Path.Combine(folder, r.Id), areVolumes: options.Slices is not null))], _patient < 0 ? options : options with { DicomPatients = false });
        Sample[] samples = [.. rows.Select((r, i) => pictures.Describe(i, new Sample(r.Id, labels.Targets(r.Labels), r.Patient, r.Part)))];
        return Dataset.Of(_source, labels.Names, isMultiLabel, samples, pictures, notice: DatasetNotice.Beside(folder));
    }

    // A volume may be a folder with the slices of a series.
    private static SampleFiles Files(string id, string path, bool areVolumes) => areVolumes && Directory.Exists(path) ? SampleFiles.OfFolder(id, path) : SampleFiles.Of(id, path);

    private string[] Labels(CsvRow row, bool isMultiLabel, List<string> faults)
    {
        if (_labels.Length > 1)
        {
            foreach (int column in _labels.Where(c => Flag(row.Fields[c]) is null))
                faults.Add($"line {row.Line}: found '{row.Fields[column]}' in the column '{_table.Header[column]}', expected 0 or 1 as there are several columns of labels");
            return [.. _labels.Where(c => Flag(row.Fields[c]) == true).Select(c => _table.Header[c])];
        }
        string field = row.Fields[_labels[0]].Trim();
        if (field.Length > 0) return [.. field.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
        // Among pictures that can have several labels, one may have none.
        if (!isMultiLabel) faults.Add($"line {row.Line}: found no label");
        return [];
    }

    private DatasetPart? Part(CsvRow row, List<string> faults)
    {
        if (_part < 0) return null;
        DatasetPart? part = PartNames.Parse(row.Fields[_part].Trim());
        if (part is null) faults.Add($"line {row.Line}: found '{row.Fields[_part]}' in the column '{_table.Header[_part]}', expected {PartNames.Expected}");
        return part;
    }

    private string? Patient(CsvRow row, List<string> faults)
    {
        if (_patient < 0) return null;
        string patient = row.Fields[_patient].Trim();
        if (patient.Length == 0) faults.Add($"line {row.Line}: found nothing in the column '{_table.Header[_patient]}', expected what tells the patient from others");
        return patient;
    }

    private static bool? Flag(string field) => field.Trim() switch { "0" or "0.0" => false, "1" or "1.0" => true, _ => null };

    // Without a column of that name, all that are nothing else: one that is not 0 or 1 throughout is refused by its rows, so that nothing becomes a label unnoticed.
    private int[] Others()
    {
        int[] others = [.. Enumerable.Range(0, _table.Header.Count).Where(c => c != _path && c != _part && c != _patient)];
        return others.Length > 1 ? others : throw Missing("labels", s_labels);
    }

    private int Known(string[] names)
    {
        int[] columns = [.. names.Select(_table.Column).Where(c => c >= 0)];
        if (columns.Length > 1)
            throw DatasetException.Of(_source, $"found the columns {string.Join(" and ", columns.Select(c => $"'{_table.Header[c]}'"))}, expected one of them, or to be told which");
        return columns.Length == 1 ? columns[0] : -1;
    }

    private int Required(string name) =>
        _table.Column(name) is >= 0 and int column ? column : throw DatasetException.Of(_source, $"found the columns {string.Join(", ", _table.Header)}, expected the column '{name}' that was asked for");

    private DatasetException Missing(string what, string[] names) =>
        DatasetException.Of(_source, $"found the columns {string.Join(", ", _table.Header)}, expected one for {what}: {string.Join(", ", names)}");
}
