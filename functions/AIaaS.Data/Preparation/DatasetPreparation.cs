using System.Text.Json;
using AIaaS.Data.Cleaning;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Masking;
using AIaaS.Data.Profiling;
using AIaaS.Data.Reports;
using AIaaS.Data.Splits;
using AIaaS.Data.Validation;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Bounds on a preparation.</summary>
public sealed record PreparationOptions
{
    /// <summary>Folder for temporary files; a folder of its own is made in it and removed.</summary>
    public string TempFolder { get; init; } = Path.GetTempPath();

    /// <summary>
    /// Bytes of memory for the engine; beyond it spills to <see cref="TempFolder"/>. Null for three fifths of what this process may
    /// use, which leaves the rest to what runs beside it.
    /// </summary>
    public long? MemoryLimit { get; init; }

    /// <summary>
    /// Bytes that the engine may count for the columns of a wide table, most of which a short one never touches. Null for
    /// <see cref="MemoryLimit"/>, and where that is null for all that this process may use.
    /// </summary>
    public long? WideMemoryLimit { get; init; }

    /// <summary>Bytes that may spill; null for 90 % of what the disk has free.</summary>
    public long? MaximumTempBytes { get; init; }

    public int? Threads { get; init; }

    /// <summary>Bytes that one compressed source may grow to.</summary>
    public long MaximumSourceBytes { get; init; } = 64L * 1024 * 1024 * 1024;

    /// <summary>Bytes that all compressed sources may grow to together; beyond, <see cref="SourcesTooLargeException"/>. Null for no bound.</summary>
    public long? MaximumUnpackedBytes { get; init; }

    /// <summary>How long the expressions of one cleaning step may take over all rows.</summary>
    public TimeSpan ExpressionTimeLimit { get; init; } = TimeSpan.FromMinutes(10);
}

/// <param name="Percent">0 to 100 over the whole preparation.</param>
/// <param name="Stage"><c>read</c>, <c>clean</c>, <c>profile</c>, <c>check</c>, <c>write</c> or <c>done</c>.</param>
public readonly record struct PreparationProgress(double Percent, string Stage);

/// <summary>What a preparation wrote, beside the files themselves.</summary>
/// <param name="Schema">The columns, also of a version that was refused.</param>
/// <param name="Profile">What is in them.</param>
/// <param name="Quality">What was found and done; <see cref="QualityReport.Rejected"/> says whether the version was refused.</param>
/// <param name="Contract">The contract the version was held against, or the one learned from it where none was given.</param>
/// <param name="Splits">How its rows were dealt out; null for a version that was refused.</param>
public sealed record PreparationResult(DataSchema Schema, DataProfile Profile, QualityReport Quality, DataContract Contract, DataSplits? Splits);

/// <summary>
/// Makes a prepared data set of source files: <c>data.parquet</c>, <c>splits.parquet</c>, <c>splits.json</c>, <c>schema.json</c>,
/// <c>contract.json</c>, <c>profile.json</c>, <c>quality.json</c>, <c>quality.html</c> and <c>quarantine.jsonl</c>. Rows keep their order, sources follow one another and are
/// matched by column name. Of a version that a check refuses only the last four are written.
/// </summary>
/// <remarks>
/// The engine may touch the sources and the folders it was given, and nothing else. Missing values stay missing: what a model
/// must repeat when it serves belongs to its graph.
/// </remarks>
public sealed class DatasetPreparation(PreparationOptions? options = null)
{
    /// <summary>ENOSPC and ERROR_DISK_FULL, as the low word of <see cref="Exception.HResult"/>.</summary>
    private const int NoSpaceLinux = 28;
    private const int NoSpaceWindows = 0x70;

    /// <summary>What the engine counts for each of 10,000 columns, and what of it was seen to be touched: at least, and for each row.</summary>
    private const long CountedForColumn = 512 * 1024;
    private const long TouchedForColumn = 64 * 1024;
    private const long TouchedForValue = 256;

    private readonly PreparationOptions _options = options ?? new();

    /// <summary>Prepares sources into a folder, which is made if need be; its files appear whole, or not at all.</summary>
    /// <exception cref="DatasetException">The sources are no usable table.</exception>
    /// <exception cref="SourcesTooLargeException">They grow beyond <see cref="PreparationOptions.MaximumUnpackedBytes"/>; nothing was written.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing was written.</exception>
    public PreparationResult Prepare(
        IReadOnlyList<DatasetSource> sources,
        PrepareParameters parameters,
        string outputFolder,
        PreparationBaseline? baseline = null,
        IProgress<PreparationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        if (sources.Count == 0)
            throw new DatasetException(DatasetReasons.Empty, "The data set has no files. Send at least one.");
        outputFolder = Path.GetFullPath(outputFolder);
        string workFolder = Path.Combine(Path.GetFullPath(_options.TempFolder), $"aiaas-prepare-{Guid.NewGuid():N}");
        Directory.CreateDirectory(workFolder);
        try
        {
            return Prepare(sources, parameters, baseline, outputFolder, workFolder, progress, cancellationToken);
        }
        catch (DuckDbException exception) when (IsOutOfSpace(exception.Message))
        {
            throw new DatasetException(DatasetReasons.NoRoom,
                "The data does not fit into the memory and temporary disk of this machine. Prepare it on a cluster with more (compute.cluster of the pipeline), or send less.");
        }
        catch (IOException exception) when ((exception.HResult & 0xFFFF) is NoSpaceLinux or NoSpaceWindows)
        {
            throw new DatasetException(DatasetReasons.NoRoom,
                "The temporary disk is full. Prepare the data on a cluster with more (compute.cluster of the pipeline), or send less.");
        }
        catch (DuckDbException exception)
        {
            throw new DatasetException(DatasetReasons.Malformed,
                $"The data cannot be read: {exception.Message.Split('\n')[0].Replace(workFolder, "", StringComparison.Ordinal)}");
        }
        finally
        {
            Directory.Delete(workFolder, recursive: true);
        }
    }

    private PreparationResult Prepare(
        IReadOnlyList<DatasetSource> sources,
        PrepareParameters parameters,
        PreparationBaseline? baseline,
        string outputFolder,
        string workFolder,
        IProgress<PreparationProgress>? progress,
        CancellationToken cancellationToken)
    {
        ProgressMeter? meter = progress is null ? null : new(progress);
        progress = meter;
        progress?.Report(new(0, "read"));
        var findings = new List<QualityFinding>();
        var unpacked = new UnpackedBytes(_options.MaximumUnpackedBytes);
        var inspector = new SourceInspector(workFolder, _options.MaximumSourceBytes, unpacked);
        InspectedSource[] inspected = [.. sources.SelectMany(source => inspector.InspectAll(source, cancellationToken))];
        findings.AddRange(inspected.SelectMany(source => source.Notes).Select(note => new QualityFinding(Severity.Information, null, note)));
        progress?.Report(new(10, "read"));

        long memoryLimit = MemoryLimitFor(inspected);
        using var database = DuckDbDatabase.Open(new DuckDbOptions
        {
            // Beyond memory a database file is read and written in large compressed pieces, which temporary files are not.
            Path = inspected.Sum(source => new FileInfo(source.Path).Length) > memoryLimit / 4 ? Path.Combine(workFolder, "work.duckdb") : null,
            MemoryLimit = memoryLimit,
            MaximumTempBytes = _options.MaximumTempBytes,
            Threads = _options.Threads,
            TempDirectory = Path.Combine(workFolder, "spill"),
            AllowedDirectories = [workFolder],
            AllowedPaths = [.. inspected.Select(source => Path.GetFullPath(source.Path)), .. baseline is null ? (string[])[] : [Path.GetFullPath(baseline.DataPath)]],
        });
        using DuckDbConnection connection = database.Connect();
        connection.Progress = meter is null ? null : meter.Advance;
        RowHash.Register(connection);
        SensitiveFunctions.Register(connection, SensitiveMasker.Of(parameters));
        using var quarantine = new Quarantine(File.Create(Path.Combine(workFolder, QuarantinedRow.FileName))) { Mask = QuarantineMask.Of(parameters) };

        var raw = new List<RawTable>();
        for (int i = 0; i < inspected.Length; i++)
        {
            raw.Add(Read(connection, quarantine, inspected[i] with { Path = Path.GetFullPath(inspected[i].Path) }, $"raw{i}", workFolder, _options.MaximumSourceBytes, unpacked, findings, cancellationToken));
            progress?.Report(new(10 + 40.0 * (i + 1) / inspected.Length, "read"));
        }

        var builder = new TableBuilder(connection, quarantine, findings) { RecoversTypes = parameters.Clean.RecoverTypes };
        var context = new PreparationContext
        {
            Connection = connection,
            Parameters = parameters,
            Quarantine = quarantine,
            WorkFolder = workFolder,
            Sources = [.. raw.Select(source => source.Origin)],
            Baseline = baseline,
            CancellationToken = cancellationToken,
            ExpressionTimeLimit = _options.ExpressionTimeLimit,
            Table = builder.Build(raw, cancellationToken),
        };
        context.Findings.AddRange(findings);
        long rowsKept = context.CountRows();
        if (rowsKept == 0)
        {
            throw new DatasetException(DatasetReasons.NoRows, quarantine.Count == 0
                ? "The data has a header but no rows. Send at least one row."
                : $"None of the {quarantine.Count} rows could be used; the most frequent reason is {quarantine.Reasons[0].Value}. Correct the file and send it again.");
        }
        long allRows = rowsKept + quarantine.Count;
        long rowsRead = rowsKept + builder.Recovered.Sum(step => step.Rejected);
        context.Steps.Add(new("quarantine", allRows, rowsRead, $"Put aside {allRows - rowsRead} rows that could not be read; see {QuarantinedRow.FileName}."));
        foreach ((string step, string detail, long rejected) in builder.Recovered)
            context.Steps.Add(new(step, rowsRead, rowsRead -= rejected, detail));

        progress?.Report(new(55, "clean"));
        PreparationTarget.SettleBeforeCleaning(context);
        CleaningRunner.Run(context);
        long rows = context.CountRows();

        progress?.Report(new(60, "profile"));
        DataProfile profile = new Profiler(connection, context.Table, rows).Profile(context.DuplicateRows, cancellationToken);
        DataSchema schema = PreparationTarget.SchemaOf(context.Table, profile);
        PreparationTarget.Settle(context, schema, profile);
        if (context is { Target: { } target, Task: { } task })
            profile = new TargetAnalysis(connection, context.Table).Describe(profile, target, task, cancellationToken);
        progress?.Report(new(75, "check"));
        VersionChecks checks = VersionChecks.Run(context, profile);
        context.Findings.AddRange(QualityFindings.Of(profile, allRows, quarantine));
        var quality = new QualityReport
        {
            RowsRead = allRows,
            RowsKept = rows,
            RowsQuarantined = quarantine.Count,
            QuarantineReasons = quarantine.Reasons,
            Steps = context.Steps,
            Findings = [.. context.Findings.OrderByDescending(finding => finding.Severity)],
            Violations = checks.Violations,
            BaselineVersion = baseline?.Version,
            Drift = checks.Drift,
            Poisoning = checks.Poisoning,
            Sensitive = context.Sensitive,
            Rejected = checks.Rejected,
        };

        progress?.Report(new(85, "write"));
        DataSplits? splits = null;
        string[] files = [QuarantinedRow.FileName, DataProfile.FileName, QualityReport.FileName, QualityPage.FileName];
        if (quality.Rejected is null)
        {
            string columns = string.Join(", ", context.Table.Columns.Select((column, i) => $"c{i} AS {Sql.Identifier(column.Name)}"));
            connection.Execute(
                $"COPY (SELECT {columns} FROM {context.Table.Table}) TO {Sql.Literal(Path.Combine(workFolder, PreparedDataset.DataFileName))} (FORMAT parquet, COMPRESSION zstd)", cancellationToken);
            splits = RowSplits.Write(context, workFolder);
            WriteJson(DataSchema.FileName, schema);
            WriteJson(DataContract.FileName, checks.Contract);
            WriteJson(DataSplits.FileName, splits);
            files = [PreparedDataset.DataFileName, DataSplits.RowsFileName, DataSplits.FileName, DataSchema.FileName, DataContract.FileName, .. files];
        }
        WriteJson(DataProfile.FileName, profile);
        WriteJson(QualityReport.FileName, quality);
        using (StreamWriter page = File.CreateText(Path.Combine(workFolder, QualityPage.FileName)))
            QualityPage.Write(page, quality, profile);
        quarantine.Dispose();
        cancellationToken.ThrowIfCancellationRequested();
        WholeFiles.Move(workFolder, outputFolder, files);
        progress?.Report(new(100, "done"));
        return new(schema, profile, quality, checks.Contract, splits);

        void WriteJson<T>(string name, T document) =>
            File.WriteAllBytes(Path.Combine(workFolder, name), JsonSerializer.SerializeToUtf8Bytes(document, JsonDefaults.Indented));
    }

    // The engine counts whole blocks for every column, most of which a wide and short table never touches.
    private long MemoryLimitFor(InspectedSource[] sources)
    {
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        long usual = _options.MemoryLimit ?? (long)(available * 0.6);
        long most = Math.Max(usual, _options.WideMemoryLimit ?? _options.MemoryLimit ?? available);
        int columns = sources.Max(SourceWidth.Of);
        long counted = columns * CountedForColumn;
        if (counted <= most)
            return Math.Max(usual, counted);
        long rows = sources.Sum(SourceWidth.MostRowsOf);
        long touched = columns * Math.Clamp(rows * TouchedForValue, TouchedForColumn, CountedForColumn);
        return touched <= usual ? counted : throw new DatasetException(DatasetReasons.NoRoom,
            $"The data has {columns} columns, and with as many rows the memory of this machine is enough for {most / CountedForColumn}. Leave out columns that are not needed, or prepare it on a cluster with more memory (compute.cluster of the pipeline).");
    }

    private static bool IsOutOfSpace(string message) =>
        message.StartsWith("Out of Memory Error", StringComparison.Ordinal) || message.Contains("No space left on device", StringComparison.Ordinal);

    private static RawTable Read(
        DuckDbConnection connection,
        Quarantine quarantine,
        InspectedSource source,
        string table,
        string workFolder,
        long maximumBytes,
        UnpackedBytes unpacked,
        List<QualityFinding> findings,
        CancellationToken cancellationToken)
    {
        var notes = new List<string>();
        RawTable read = source.Kind switch
        {
            SourceKind.Delimited => new DelimitedReader(connection, quarantine, workFolder, notes).Read(source, table, cancellationToken),
            SourceKind.Images => new ImageArchiveReader(connection, quarantine, maximumBytes, unpacked, notes).Read(source, table, cancellationToken),
            _ => new DocumentReader(connection, quarantine, workFolder, notes).Read(source, table, cancellationToken),
        };
        findings.AddRange(notes.Select(note => new QualityFinding(Severity.Warning, null, note)));
        return read;
    }
}
