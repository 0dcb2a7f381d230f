namespace MeLo.Edge.Training.Data;

/// <summary>Which samples are for what. Each list is in ascending order, no sample is in two.</summary>
/// <param name="Train">Samples that gradients come from.</param>
/// <param name="Validation">Samples that choices are made by.</param>
/// <param name="Test">Samples that the reported figures come from.</param>
internal sealed record Splits(IReadOnlyList<int> Train, IReadOnlyList<int> Validation, IReadOnlyList<int> Test)
{
    private static readonly DatasetPart[] s_parts = [DatasetPart.Train, DatasetPart.Validation, DatasetPart.Test];

    /// <summary>The fewest folds: one tests, one chooses, the others train.</summary>
    public const int MinFolds = 3;

    /// <summary>How many samples each part has, in words.</summary>
    public string Counts => $"{Train.Count} to train on, {Validation.Count} to choose by, {Test.Count} to test on";

    /// <summary>The samples of a part.</summary>
    public IReadOnlyList<int> this[DatasetPart part] => part switch { DatasetPart.Train => Train, DatasetPart.Validation => Validation, _ => Test };

    /// <summary>
    /// The parts that the dataset has; those that it lacks are taken from its training samples. Where it has none, all three are made. What is made is stratified by label, keeps a patient's samples
    /// and the copies of a picture together, and depends on nothing but the dataset and the options.
    /// </summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="options">Shares and seed.</param>
    /// <exception cref="DatasetException">A part would be empty or lack a class, or the dataset has a patient in two parts.</exception>
    public static Splits Of(Dataset dataset, SplitOptions options)
    {
        List<string> faults = [.. options.Faults()];
        if (faults.Count > 0) throw DatasetException.Of("splits", faults);
        DatasetPart[] parts = [.. dataset.Samples.Select(s => s.Part ?? DatasetPart.Train)];
        bool isGiven = dataset.Samples[0].Part is not null;
        double[] shares = Shares(parts, isGiven, options);
        if (shares.Count(s => s > 0) > 1)
        {
            int[] among = [.. Enumerable.Range(0, parts.Length).Where(i => parts[i] == DatasetPart.Train)];
            int[] share = Stratify(dataset, Groups(dataset, among), shares, options.Seed);
            foreach (int sample in among) parts[sample] = s_parts[share[sample]];
        }

        Splits splits = new(Of(DatasetPart.Train), Of(DatasetPart.Validation), Of(DatasetPart.Test));
        faults.AddRange(PatientFaults(dataset, parts));
        foreach (DatasetPart part in s_parts.Where(p => shares[(int)p] > 0 || p == DatasetPart.Train)) faults.AddRange(splits.ClassFaults(dataset, part));
        if (faults.Count == 0 && splits.Validation.Count > 0 && splits.Undefined(dataset, DatasetPart.Validation).Count() == dataset.Labels.Count)
            faults.Add($"all {splits.Validation.Count} samples for validation have the same labels, expected several classes among them: no epoch could be chosen by them");
        if (faults.Count > 0) throw DatasetException.Of(dataset.Source, faults);
        return splits;

        int[] Of(DatasetPart part) => [.. Enumerable.Range(0, parts.Length).Where(i => parts[i] == part)];
    }

    /// <summary>
    /// Splits for cross-validation within the samples to train on and to choose by; those of the test are in none. They are dealt into folds as <see cref="Of(Dataset, SplitOptions)"/> deals, and each
    /// fold is once the test, once what is chosen by and else trained on: no figure comes from samples that the parameters or the epoch were chosen by.
    /// </summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="count">How many folds, from <see cref="MinFolds"/>.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="DatasetException">A fold would lack a class.</exception>
    public IReadOnlyList<Splits> Folds(Dataset dataset, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, MinFolds);
        int[] among = [.. Train.Concat(Validation).Order()];
        int[][] groups = Groups(dataset, among);
        int[] held = [.. dataset.Labels.Select((_, l) => groups.Count(g => g.Any(i => dataset.Samples[i].Targets[l] > 0)))];
        int fewest = held.Min(), rarest = Array.IndexOf(held, fewest);
        if (fewest < count)
        {
            string what = dataset.Samples[0].Patient is null ? "different samples" : "patients";
            throw DatasetException.Of(dataset.Source, $"class '{dataset.Labels[rarest]}' has {fewest} {what} among those to train on and to choose by, expected at least {count} for as many folds{(fewest >= MinFolds ? $"; at most {fewest} folds can be made" : "")}{Hint(dataset)}");
        }
        int[] fold = Stratify(dataset, groups, [.. Enumerable.Repeat(1.0 / count, count)], seed);
        Splits[] splits = [.. Enumerable.Range(0, count).Select(test => new Splits(
            [.. among.Where(i => fold[i] != test && fold[i] != (test + 1) % count)], [.. among.Where(i => fold[i] == (test + 1) % count)], [.. among.Where(i => fold[i] == test)]))];
        string[] faults = [.. from k in Enumerable.Range(0, count)
            let undefined = splits[k].Undefined(dataset, DatasetPart.Test).ToArray()
            where dataset.IsMultiLabel ? undefined.Length == dataset.Labels.Count : undefined.Length > 0
            select $"fold {k + 1} of {count} has {string.Join(", ", undefined)}, expected fewer folds"];
        return faults.Length == 0 ? splits : throw DatasetException.Of(dataset.Source, faults);
    }

    /// <summary>What of the samples that are for training so far goes to each part; nothing to parts that are there already.</summary>
    private static double[] Shares(DatasetPart[] parts, bool isGiven, SplitOptions options)
    {
        double validation = isGiven && parts.Contains(DatasetPart.Validation) ? 0 : options.Validation;
        double test = isGiven && parts.Contains(DatasetPart.Test) ? 0 : options.Test;
        // A share is of all samples, as if the part that is given had its own.
        double left = 1 - (options.Validation - validation) - (options.Test - test);
        return [1 - ((validation + test) / left), validation / left, test / left];
    }

    /// <summary>
    /// Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011), of groups of samples: the rarest label first, each group to the part that
    /// lacks most of it. With one label a sample that is the usual stratification.
    /// </summary>
    /// <returns>For each sample of the dataset that is in a group, the share that it belongs to.</returns>
    private static int[] Stratify(Dataset dataset, int[][] groups, double[] shares, ulong seed)
    {
        int labels = dataset.Labels.Count;
        int[] all = [.. Enumerable.Range(0, shares.Length)], to = new int[dataset.Samples.Count];
        groups = [.. groups];
        new SplitMix64(seed).Shuffle(groups.AsSpan());
        // Large groups first: what they leave uneven, small ones can level out.
        groups = [.. groups.OrderByDescending(g => g.Length)];
        int[][] counts = [.. groups.Select(g => Count(dataset, g))];
        double[][] wanted = [.. shares.Select(share => new double[labels + 1].Select((_, l) => share * counts.Sum(c => c[l])).ToArray())];
        int[][] have = [.. shares.Select(_ => new int[labels])];
        int[] left = [.. Enumerable.Range(0, labels).Select(l => counts.Count(c => c[l] > 0))];
        bool[] isDone = new bool[groups.Length];
        while (Rarest(left) is >= 0 and int label)
        {
            for (int group = 0; group < groups.Length; group++)
            {
                if (isDone[group] || counts[group][label] == 0) continue;
                // The last groups with a label go to the parts without it, if they are needed there.
                int[] lacking = [.. all.Where(p => shares[p] > 0 && have[p][label] == 0)];
                Put(group, left[label] <= lacking.Length ? lacking : all, label);
            }
        }
        for (int group = 0; group < groups.Length; group++) if (!isDone[group]) Put(group, all, labels);
        return to;

        void Put(int group, int[] among, int label)
        {
            int share = among.Where(p => shares[p] > 0).MaxBy(p => (wanted[p][label], wanted[p][labels]));
            foreach (int sample in groups[group]) to[sample] = share;
            for (int l = 0; l <= labels; l++) wanted[share][l] -= counts[group][l];
            for (int l = 0; l < labels; l++)
            {
                if (counts[group][l] == 0) continue;
                have[share][l]++;
                left[l]--;
            }
            isDone[group] = true;
        }
    }

    /// <summary>Samples that must stay together: a patient's, and the copies of a picture, whoever's they are.</summary>
    public static int[][] Groups(Dataset dataset, IReadOnlyList<int> samples)
    {
        Dictionary<(bool IsPatient, string Key), int> first = [];
        Dictionary<int, int> parents = [];
        foreach (int i in samples)
        {
            parents[i] = i;
            if (dataset.Samples[i].Patient is { } patient) Join(i, (true, patient));
            if (dataset.Samples[i].Content is { } content) Join(i, (false, content));
        }
        return [.. samples.GroupBy(Root).Select(g => g.ToArray())];

        void Join(int sample, (bool, string) key)
        {
            if (!first.TryAdd(key, sample)) parents[Root(sample)] = Root(first[key]);
        }

        int Root(int sample)
        {
            while (parents[sample] != sample) sample = parents[sample] = parents[parents[sample]];
            return sample;
        }
    }

    // [labels + 1]: samples with each label, and all.
    private static int[] Count(Dataset dataset, int[] group)
    {
        int[] counts = new int[dataset.Labels.Count + 1];
        foreach (int sample in group)
        {
            for (int l = 0; l < dataset.Labels.Count; l++) if (dataset.Samples[sample].Targets[l] > 0) counts[l]++;
            counts[^1]++;
        }
        return counts;
    }

    // Of the labels that groups are left with; -1 when there are none.
    private static int Rarest(int[] left)
    {
        int rarest = -1;
        for (int l = 0; l < left.Length; l++)
            if (left[l] > 0 && (rarest < 0 || left[l] < left[rarest])) rarest = l;
        return rarest;
    }

    /// <summary>Pictures that are in more than one part, under one name or several: the names of each.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Shared(Dataset dataset) =>
    [
        .. from found in s_parts.SelectMany(part => this[part].Select(i => (dataset.Samples[i].Content, dataset.Samples[i].Id, Part: part)))
           where found.Content is not null
           group found by found.Content into copies
           where copies.Select(c => c.Part).Distinct().Count() > 1
           select copies.Select(c => c.Id).ToArray(),
    ];

    /// <summary>Labels whose figures are not defined, since the samples to choose by or to test on all have them or all lack them: in words, each with the part.</summary>
    public IReadOnlyList<string> Undefined(Dataset dataset) =>
        [.. Undefined(dataset, DatasetPart.Validation).Select(found => $"{found} to choose by"), .. Undefined(dataset, DatasetPart.Test).Select(found => $"{found} to test on")];

    private IEnumerable<string> Undefined(Dataset dataset, DatasetPart part)
    {
        IReadOnlyList<int> samples = this[part];
        for (int l = 0; l < dataset.Labels.Count && samples.Count > 0; l++)
        {
            int with = samples.Count(i => dataset.Samples[i].Targets[l] > 0);
            if (with == 0) yield return $"no sample of '{dataset.Labels[l]}'";
            else if (with == samples.Count) yield return $"no sample without '{dataset.Labels[l]}'";
        }
    }

    // By files and not by the patient's ID, which is nobody's business in a log.
    private static IEnumerable<string> PatientFaults(Dataset dataset, DatasetPart[] parts) =>
        from sample in dataset.Samples.Select((s, i) => (s.Patient, s.Id, Part: parts[i]))
        where sample.Patient is not null
        group sample by sample.Patient into patient
        let among = patient.GroupBy(s => s.Part).OrderBy(part => part.Key).ToArray()
        where among.Length > 1
        select $"{string.Join(" and ", among.Select(part => $"'{part.First().Id}' for {Name(part.Key)}"))} are of one patient, expected all in one part: what is learnt from a patient must not be tested on the same{Hint(dataset)}";

    private static string Hint(Dataset dataset) => dataset.HasDicomPatients ? "; --ignore-dicom-patients where Patient IDs do not tell patients apart" : "";

    private IEnumerable<string> ClassFaults(Dataset dataset, DatasetPart part)
    {
        if (this[part].Count == 0) yield return $"found no sample for {Name(part)}, among {dataset.Samples.Count}{Patients(dataset.Samples)}{Hint(dataset)}";
        for (int l = 0; l < dataset.Labels.Count && this[part].Count > 0; l++)
        {
            if (this[part].Any(i => dataset.Samples[i].Targets[l] > 0)) continue;
            Sample[] with = [.. dataset.Samples.Where(s => s.Targets[l] > 0)];
            yield return $"class '{dataset.Labels[l]}' has {(with.Length == 1 ? "1 sample" : $"{with.Length} samples")}{Patients(with)}, and none of them for {Name(part)}{Hint(dataset)}";
        }

        static string Patients(IEnumerable<Sample> samples) =>
            samples.Select(s => s.Patient).OfType<string>().Distinct().Count() switch { 0 => "", 1 => " of one patient", int count => $" of {count} patients" };
    }

    private static string Name(DatasetPart part) => part switch { DatasetPart.Train => "training", DatasetPart.Validation => "validation", _ => "the test" };
}
