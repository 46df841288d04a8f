using System.Diagnostics;
using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Benchmarks;

/// <summary>
/// A preparation against the plain SQL that reads, summarizes and writes the same file (<c>read_csv</c>, <c>SUMMARIZE</c>,
/// <c>COPY … TO</c> Parquet), each in a process of its own with the same memory and threads. Both sides use the same build of DuckDB.
/// </summary>
internal sealed class PrepareBenchmark : IBenchmark
{
    private const string SideVariable = "AIAAS_BENCHMARK_SIDE";
    private const string FolderVariable = "AIAAS_BENCHMARK_FOLDER";
    private const string Plain = "plain";
    private const string Ours = "ours";
    private const long Rows = 5_000_000;
    private const long MemoryLimit = 2L * 1024 * 1024 * 1024;
    private const int Rounds = 5;
    private const double Aim = 1.3;

    public string Name => "prepare";

    public string Description => "a CSV file of 5 million rows prepared, against DuckDB's own read_csv, SUMMARIZE and COPY";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(SideVariable) is { } side)
            return Work(side, Environment.GetEnvironmentVariable(FolderVariable)!, cancellationToken);

        var folder = Directory.CreateTempSubdirectory("prepare-benchmark-").FullName;
        try
        {
            Generate(folder);
            Console.WriteLine($"{Rows:N0} rows, {new FileInfo(Path.Combine(folder, "data.csv")).Length / 1_000_000:N0} MB of CSV, memory limit {MemoryLimit >> 20:N0} MiB");
            var plain = new List<Cost>();
            var ours = new List<Cost>();
            for (var round = 0; round < Rounds; round++)
            {
                plain.Add(await MeasureAsync(Plain, folder, cancellationToken));
                ours.Add(await MeasureAsync(Ours, folder, cancellationToken));
            }

            Print("DuckDB", plain);
            Print("prepare", ours);
            var ratio = ours.Min(cost => cost.Wall) / plain.Min(cost => cost.Wall);
            return new BenchmarkOutcome(
                string.Create(CultureInfo.InvariantCulture, $"{ratio:F2}× DuckDB's time"), string.Create(CultureInfo.InvariantCulture, $"≤ {Aim}×"), ratio <= Aim);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Print(string side, List<Cost> costs) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{side,-8} {costs.Min(cost => cost.Wall):F2} s (median {costs.Select(cost => cost.Wall).Order().ElementAt(costs.Count / 2):F2}), {costs.Min(cost => cost.Cpu):F2} s CPU, peak memory {costs.Max(cost => cost.PeakBytes) / (1024 * 1024)} MiB"));

    private static void Generate(string folder)
    {
        using var database = DuckDbDatabase.Open();
        using var connection = database.Connect();
        connection.Execute(
            $"""
            COPY (SELECT i + 1000000 AS id, round(hash(i) % 100000000 / 997.0, 3) AS amount, ['north', 'south', 'east', 'west', 'centre'][(hash(i + 1) % 5)::INTEGER + 1] AS region,
                    TIMESTAMP '2020-01-01' + INTERVAL ((hash(i + 2) % 100000000)::INTEGER) SECOND AS moment, 'customer ' || hash(i + 3) % 200000 AS customer
                FROM range({Rows}) t(i)) TO {Sql.Literal(Path.Combine(folder, "data.csv"))} (FORMAT csv)
            """);
    }

    /// <summary>One side, once, in this child process: prints what it took.</summary>
    private static BenchmarkOutcome Work(string side, string folder, CancellationToken cancellationToken)
    {
        var csv = Path.Combine(folder, "data.csv");
        var output = Directory.CreateDirectory(Path.Combine(folder, side)).FullName;
        var began = Stopwatch.GetTimestamp();
        if (side == Ours)
        {
            new DatasetPreparation(new PreparationOptions { TempFolder = folder, MemoryLimit = MemoryLimit })
                .Prepare([new DatasetSource(csv)], new PrepareParameters(), output, progress: Trace(began), cancellationToken: cancellationToken);
        }
        else
        {
            using var database = DuckDbDatabase.Open(new DuckDbOptions { MemoryLimit = MemoryLimit, TempDirectory = Path.Combine(folder, "spill") });
            using var connection = database.Connect();
            connection.Execute($"CREATE TABLE data AS SELECT * FROM read_csv({Sql.Literal(csv)})", cancellationToken);
            using (var summary = connection.Query("SUMMARIZE data", cancellationToken))
            {
                while (summary.Read())
                {
                }
            }

            connection.Execute($"COPY data TO {Sql.Literal(Path.Combine(output, "data.parquet"))} (FORMAT parquet, COMPRESSION zstd)", cancellationToken);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Stopwatch.GetElapsedTime(began).TotalSeconds:R} {Environment.CpuUsage.TotalTime.TotalSeconds:R} {PeakBytes()}"));
        Environment.Exit(0);
        throw new InvalidOperationException("The process has ended.");
    }

    /// <summary>Stages with their times, where asked for.</summary>
    private static TraceProgress? Trace(long began) => Environment.GetEnvironmentVariable("AIAAS_BENCHMARK_TRACE") is null ? null : new(began);

    private static long PeakBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private static async Task<Cost> MeasureAsync(string side, string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            Environment = { [SideVariable] = side, [FolderVariable] = folder },
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
            start.ArgumentList.Add(typeof(PrepareBenchmark).Assembly.Location);
        start.ArgumentList.Add("prepare");
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"The {side} side failed: {output}");
        var parts = output.Trim().Split('\n')[^1].Split(' ');
        return new Cost(double.Parse(parts[0], CultureInfo.InvariantCulture), double.Parse(parts[1], CultureInfo.InvariantCulture), long.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    /// <param name="Wall">Seconds.</param>
    /// <param name="Cpu">Seconds of all threads, the runtime's start included.</param>
    /// <param name="PeakBytes">Most memory the process held.</param>
    private sealed record Cost(double Wall, double Cpu, long PeakBytes);

    private sealed class TraceProgress(long began) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) =>
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Stopwatch.GetElapsedTime(began).TotalSeconds:F2} s {value.Percent:F1} % {value.Stage}"));
    }
}
